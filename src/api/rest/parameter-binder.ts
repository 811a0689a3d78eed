import { type DescField, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import type { Violation } from "../../domain/errors.js";
import { fieldPathName } from "./field-path.js";
import { isJsonObject } from "./message-reader.js";

/**
 * Puts the value of a query or path parameter into the JSON of the request, and replaces a value
 * that is there. Text stays text: the message reader turns it into numbers, enums and times.
 *
 * @param fields The path to the field.
 * @returns the problem of the parameter, or undefined.
 */
export function bindParameter(
  target: JsonObject,
  fields: readonly DescField[],
  values: readonly string[],
): Violation | undefined {
  const field = fields.at(-1);
  const [value] = values;
  if (field === undefined || value === undefined) return undefined;
  const name = fieldPathName(fields);
  if (!isParameter(field))
    return { field: name, message: `${name} cannot be given as a parameter` };
  if (field.fieldKind !== "list" && values.length > 1) {
    return { field: name, message: `${name} is given more than once` };
  }
  const parsed = values.map((text) => parseText(field, text));
  const parent = fields.slice(0, -1).reduce(childObject, target);
  setField(parent, field, field.fieldKind === "list" ? parsed : (parsed[0] ?? null));
  return undefined;
}

/** Well-known messages whose JSON is a string. */
const TEXT_MESSAGES = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);

function isParameter({ fieldKind, message }: DescField): boolean {
  if (fieldKind === "map") return false;
  return message === undefined || isWrapperDesc(message) || TEXT_MESSAGES.has(message.typeName);
}

/** Booleans are the only scalars that the message reader does not read from text. */
function parseText(field: DescField, text: string): JsonValue {
  const isWrapper = field.message !== undefined && isWrapperDesc(field.message);
  const scalar = isWrapper ? field.message?.fields[0]?.scalar : field.scalar;
  if (scalar !== ScalarType.BOOL) return text;
  if (text === "true") return true;
  return text === "false" ? false : text;
}

function childObject(parent: JsonObject, field: DescField): JsonObject {
  const present = parent[field.name] ?? parent[field.jsonName];
  if (isJsonObject(present)) return present;
  const child: JsonObject = {};
  setField(parent, field, child);
  return child;
}

function setField(parent: JsonObject, field: DescField, value: JsonValue): void {
  delete parent[field.name];
  parent[field.jsonName] = value;
}
