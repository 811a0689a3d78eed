import {
  type DescEnum,
  type DescField,
  type DescMessage,
  getOption,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { field as rulesOfField } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { enumWords } from "./enum-word.js";

/** The rule that `json` breaks as the value of a field, for people: `must be a whole number`. */
export function fieldExpectation(field: DescField, json: JsonValue): string {
  if (field.enum !== undefined) return expectEnum(field.enum);
  if (field.message !== undefined) return expectMessage(field.message, json);
  if (field.scalar === undefined) return "is not valid";
  return expectRange(field) ?? expectScalar(field.scalar, json);
}

/** For a field whose own rules allow fewer values than its type. */
function expectRange(field: DescField): string | undefined {
  const { type } = getOption(field, rulesOfField);
  if (type.case !== "int32") return undefined;
  const { greaterThan, lessThan } = type.value;
  if (greaterThan.case !== "gte" || lessThan.case !== "lte") return undefined;
  return `must be a whole number from ${greaterThan.value} to ${lessThan.value}`;
}

function expectEnum(desc: DescEnum): string {
  return `must be one of ${enumWords(desc).join(", ")}`;
}

function expectMessage(desc: DescMessage, json: JsonValue): string {
  if (isWrapperDesc(desc)) return fieldExpectation(desc.fields[0], json);
  return WELL_KNOWN[desc.typeName] ?? "must be an object";
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  "google.protobuf.Timestamp": "must be a time as in 2026-01-02T14:14:34Z",
  "google.protobuf.Duration": 'must be seconds as in "1.5s"',
  "google.protobuf.FieldMask": "must be field names, separated by commas",
  "google.protobuf.Struct": "must be an object, nested at most 100 deep",
  "google.protobuf.ListValue": "must be a list, nested at most 100 deep",
  "google.protobuf.Value": "must not be nested more than 100 deep",
};

function expectScalar(type: ScalarType, json: JsonValue): string {
  switch (type) {
    case ScalarType.STRING:
      // A lone surrogate cannot be written in UTF-8.
      return typeof json === "string" ? "must be valid Unicode" : "must be a string";
    case ScalarType.BOOL:
      return "must be true or false";
    case ScalarType.BYTES:
      return "must be a string in base64";
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return "must be a number";
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return "must be a whole number from 0 to 4294967295";
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return "must be a whole number from -2147483648 to 2147483647";
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return "must be a whole number from 0 to 18446744073709551615";
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return "must be a whole number from -9223372036854775808 to 9223372036854775807";
  }
}
