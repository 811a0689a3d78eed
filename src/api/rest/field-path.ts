import type { DescField, DescMessage } from "@bufbuild/protobuf";

/**
 * Resolves a dotted path such as `output.url` to the fields it runs through.
 *
 * @returns undefined if a part names no field, or leads through one that is no single message.
 */
export function resolveFieldPath(
  message: DescMessage,
  path: string,
): readonly DescField[] | undefined {
  const fields: DescField[] = [];
  let parent: DescMessage | undefined = message;
  for (const name of path.split(".")) {
    const field: DescField | undefined = parent && findField(parent, name);
    if (field === undefined) return undefined;
    fields.push(field);
    parent = field.fieldKind === "message" ? field.message : undefined;
  }
  return fields;
}

/** Finds a field by its name in the proto or by its JSON name; undefined if there is none. */
export function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name || field.jsonName === name);
}

/** The path as errors name it: names of the proto, dotted. */
export function fieldPathName(fields: readonly DescField[]): string {
  return fields.map((field) => field.name).join(".");
}
