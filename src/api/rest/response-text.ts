import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
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
  const whole = reflect(schema, message);
  const part = only && whole.isSet(only) ? whole.get(only) : whole;
  const isLong = isReflectMessage(part) && part.desc.fields.some((each) => longList(part, each));
  return isLong ? await longText(part) : JSON.stringify(printResponse(schema, message, only));
}

async function longText(message: ReflectMessage): Promise<string> {
  const members: string[] = [];
  for (const field of message.desc.fields) {
    const list = longList(message, field);
    const text = list
      ? `[${(await mapInTurns(list, itemText)).join(",")}]`
      : JSON.stringify(printResponse(message.desc, message.message, field));
    members.push(`"${field.name}":${text}`);
  }
  return `{${members.join(",")}}`;
}

function longList(message: ReflectMessage, field: DescField): Iterable<ReflectMessage> | undefined {
  if (field.fieldKind !== "list" || field.listKind !== "message") return undefined;
  const list = message.get(field);
  return list.size > SHORT_COUNT ? (list as Iterable<ReflectMessage>) : undefined;
}

function itemText({ desc, message }: ReflectMessage): string {
  return JSON.stringify(printResponse(desc, message));
}
