import { type DescField, type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import { mapInTurns } from "../../lib/in-turns.js";
import { printResponse } from "./response-printer.js";

/** A longer list of messages is printed in turns; one of this length takes a few milliseconds. */
const SHORT_COUNT = 50;

/** The JSON text of a response, see {@link printResponse}; others get their turn within long lists. */
export async function responseText(
  schema: DescMessage,
  message: Message,
  only?: DescField,
): Promise<string> {
  const isPart = only?.fieldKind === "message" && isFieldSet(message, only);
  const desc = isPart ? only.message : schema;
  const part = isPart ? (valueIn(message, only) as Message) : message;
  const isLong = desc.fields.some((field) => longList(part, field) !== undefined);
  return isLong ? await longText(desc, part) : printResponse(schema, message, only);
}

async function longText(desc: DescMessage, message: Message): Promise<string> {
  const members: string[] = [];
  for (const field of desc.fields) {
    const list = longList(message, field);
    const text = list
      ? `[${(await mapInTurns(list, (item) => itemText(field, item))).join(",")}]`
      : printResponse(desc, message, field);
    members.push(`"${field.name}":${text}`);
  }
  return `{${members.join(",")}}`;
}

function longList(message: Message, field: DescField): readonly Message[] | undefined {
  if (field.fieldKind !== "list" || field.listKind !== "message") return undefined;
  const list = valueIn(message, field) as readonly Message[];
  return list.length > SHORT_COUNT ? list : undefined;
}

function itemText({ message }: DescField, item: Message): string {
  return message === undefined ? "null" : printResponse(message, item);
}

function valueIn(message: Message, { localName }: DescField): unknown {
  return (message as unknown as Readonly<Record<string, unknown>>)[localName];
}
