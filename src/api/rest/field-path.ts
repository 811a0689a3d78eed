import type { DescField, DescMessage } from "@bufbuild/protobuf";

/**
 * Resolves a dotted path such as `output.url` to the fields on the path.
 *
 * @returns undefined if a part is not the name of a field, or if the path leads through a field
 *   that is not a single message.
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

/** Finds a field by its name in the proto or by its JSON name. Undefined if there is none. */
export function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name || field.jsonName === name);
}

/** The path as errors name it: proto names joined by dots. */
export function fieldPathName(fields: readonly DescField[]): string {
  return fields.map((field) => field.name).join(".");
}
