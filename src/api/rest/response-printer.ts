import type { DescEnum, DescField, DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { toJsonString } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { hasCustomJsonRepresentation, isWrapperDesc, type Timestamp } from "@bufbuild/protobuf/wkt";
import { perObject } from "../../lib/per-object.js";
import { enumWord } from "../calls/enum-word.js";

/**
 * The JSON text of a message as REST shows it. Every field is printed under its name in the proto. An unset
 * field is null, or the zero value if its type cannot be unset. Enums are short lower-case words,
 * 64-bit integers are numbers (exact up to 2^53), and times have six fractional digits.
 * google.protobuf.Struct, Value and the keys of maps are printed unchanged.
 *
 * @param only Print only this field, for `response_body`.
 */
export function printResponse<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  only?: DescField,
): string {
  return only === undefined ? printMessage(schema, message) : printerOf(only)(message);
}

/**
 * Prints a time in RFC 3339, UTC, always with microseconds, because clients parse it with a fixed
 * format.
 */
export function printTimestamp({ seconds, nanos }: Pick<Timestamp, "seconds" | "nanos">): string {
  const microseconds = Math.trunc(nanos / 1000);
  const text = new Date(Number(seconds) * 1000 + Math.trunc(microseconds / 1000)).toISOString();
  return `${text.slice(0, -1)}${String(microseconds % 1000).padStart(3, "0")}Z`;
}

function printMessage(desc: DescMessage, message: Message): string {
  return messagePrinterOf(desc)(message);
}

/** Prints a message, or one field of it. */
type Printer = (message: Message) => string;

/** Made once of each type: going through reflection for each message takes three times as long. */
const messagePrinterOf = perObject((desc: DescMessage): Printer => {
  if (hasCustomJsonRepresentation(desc)) return (message) => printCustom(reflect(desc, message));
  const fields = desc.fields.map((field, index) => ({
    start: `${index === 0 ? "" : ","}${JSON.stringify(field.name)}:`,
    print: printerOf(field),
  }));
  return (message) => {
    let text = "{";
    for (const { start, print } of fields) text += start + print(message);
    return `${text}}`;
  };
});

const printerOf = perObject((field: DescField): Printer => {
  const { localName } = field;
  // A member of a oneof, or a wrapper: the message holds it in another form than as an item.
  if (field.oneof !== undefined || isWrapper(field))
    return (message) => printReflected(reflect(field.parent, message), field);
  const print = isStruct(field) ? JSON.stringify : itemPrinterOf(field);
  const valueIn = (message: Message): unknown => (message as unknown as Fields)[localName];
  if (field.fieldKind === "list")
    return (message) => printList(valueIn(message) as unknown[], print);
  if (field.fieldKind === "map") return (message) => printMap(valueIn(message) as object, print);
  return (message) => {
    const value = valueIn(message);
    return value === undefined ? "null" : print(value);
  };
});

type Fields = Readonly<Record<string, unknown>>;

function isWrapper({ fieldKind, message }: DescField): boolean {
  return fieldKind === "message" && isWrapperDesc(message);
}

/** Messages hold a struct as the JSON that it stands for. */
function isStruct({ fieldKind, message }: DescField): boolean {
  return fieldKind === "message" && message.typeName === "google.protobuf.Struct";
}

function printList(items: readonly unknown[], print: (value: unknown) => string): string {
  return items.length === 0 ? "[]" : `[${items.map((item) => print(item)).join(",")}]`;
}

function printMap(map: object, print: (value: unknown) => string): string {
  const entries = Object.entries(map);
  if (entries.length === 0) return "{}";
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${print(item)}`).join(",")}}`;
}

/** Prints the value of a single field, a list item or a map value. */
function itemPrinterOf({ message, enum: desc }: DescField): (value: unknown) => string {
  if (message?.typeName === "google.protobuf.Timestamp")
    return (value) => `"${printTimestamp(value as Timestamp)}"`;
  if (message !== undefined) return (value) => printMessage(message, value as Message);
  if (desc !== undefined) return (value) => printEnum(desc, Number(value));
  return printScalar;
}

function printEnum(desc: DescEnum, value: number): string {
  return enumTextsOf(desc).get(value) ?? String(value);
}

const enumTextsOf = perObject(
  (desc: DescEnum): ReadonlyMap<number, string> =>
    new Map(
      desc.values.map(({ number }) => [number, JSON.stringify(enumWord(desc, number) ?? null)]),
    ),
);

function printReflected(message: ReflectMessage, field: DescField): string {
  if (!message.isSet(field)) return "null";
  const value = message.get(field);
  return itemPrinterOf(field)(isReflectMessage(value) ? value.message : value);
}

function printCustom(message: ReflectMessage): string {
  const { desc } = message;
  if (desc.typeName === "google.protobuf.Timestamp") return `"${printTimestamp(asTime(message))}"`;
  if (isWrapperDesc(desc)) return printScalar(message.get(desc.fields[0]));
  return isUnsetValue(message) ? "null" : toJsonString(desc, message.message);
}

function printScalar(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  // NaN and the infinities are strings, as in protobuf's JSON.
  if (typeof value === "number") return Number.isFinite(value) ? `${value}` : `"${value}"`;
  if (typeof value === "bigint") return `${Number(value)}`;
  return value instanceof Uint8Array ? `"${base64Encode(value)}"` : String(value);
}

function asTime({ message }: ReflectMessage): Timestamp {
  return message as Message<"google.protobuf.Timestamp"> as Timestamp;
}

/** A google.protobuf.Value without content. Protobuf's JSON cannot express it. */
function isUnsetValue(message: ReflectMessage): boolean {
  const [kind] = message.oneofs;
  if (message.desc.typeName !== "google.protobuf.Value" || kind === undefined) return false;
  return message.oneofCase(kind) === undefined;
}
