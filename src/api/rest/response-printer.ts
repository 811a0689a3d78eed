import type { DescField, DescMessage, JsonValue, Message, MessageShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { hasCustomJsonRepresentation, isWrapperDesc, type Timestamp } from "@bufbuild/protobuf/wkt";
import { enumWord } from "../calls/enum-word.js";

/**
 * Prints a message as REST shows it. Every field is printed under its name in the proto. An unset
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
): JsonValue {
  const reflected = reflect(schema, message);
  return only === undefined ? printMessage(reflected) : printField(reflected, only);
}

/**
 * Prints a time in RFC 3339, UTC, always with microseconds, because clients parse it with a fixed
 * format.
 */
export function printTimestamp({ seconds, nanos }: Pick<Timestamp, "seconds" | "nanos">): string {
  const wholeSeconds = new Date(Number(seconds) * 1000).toISOString().slice(0, -".000Z".length);
  const microseconds = Math.trunc(nanos / 1000);
  return `${wholeSeconds}.${String(microseconds).padStart(6, "0")}Z`;
}

function printMessage(message: ReflectMessage): JsonValue {
  const { desc } = message;
  if (desc.typeName === "google.protobuf.Timestamp") return printTimestamp(asTime(message));
  if (isWrapperDesc(desc)) return printScalar(message.get(desc.fields[0]));
  if (isUnsetValue(message)) return null;
  if (hasCustomJsonRepresentation(desc)) return toJson(desc, message.message);
  return Object.fromEntries(desc.fields.map((field) => [field.name, printField(message, field)]));
}

function printField(message: ReflectMessage, field: DescField): JsonValue {
  const isImplicit = field.presence === IMPLICIT_PRESENCE;
  if (!isImplicit && !message.isSet(field)) return null;
  const value = message.get(field);
  if (isReflectList(value)) return Array.from(value, (item) => printItem(field, item));
  if (!isReflectMap(value)) return printItem(field, value);
  return Object.fromEntries(Array.from(value, ([key, item]) => [key, printItem(field, item)]));
}

/** Prints the value of a single field, a list item or a map value. */
function printItem(field: DescField, value: unknown): JsonValue {
  if (isReflectMessage(value)) return printMessage(value);
  if (field.enum !== undefined) return enumWord(field.enum, Number(value)) ?? null;
  return printScalar(value);
}

function printScalar(value: unknown): JsonValue {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return base64Encode(value);
  // NaN and the infinities are strings, as in protobuf's JSON.
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return typeof value === "boolean" ? value : String(value);
}

/**
 * google.protobuf.FeatureSet.FieldPresence: a field with it prints its zero value when it is unset.
 */
const IMPLICIT_PRESENCE = 2;

function asTime({ message }: ReflectMessage): Timestamp {
  return message as Message<"google.protobuf.Timestamp"> as Timestamp;
}

/** A google.protobuf.Value without content. Protobuf's JSON cannot express it. */
function isUnsetValue(message: ReflectMessage): boolean {
  const [kind] = message.oneofs;
  if (message.desc.typeName !== "google.protobuf.Value" || kind === undefined) return false;
  return message.oneofCase(kind) === undefined;
}
