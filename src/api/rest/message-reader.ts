import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { TaskError, type Violation } from "../../domain/errors.js";
import { readEnum } from "../calls/enum-word.js";
import { fieldExpectation } from "../calls/field-expectation.js";
import { describeViolations } from "../calls/invalid-request.js";
import { findField } from "./field-path.js";

/**
 * Reads a message as REST clients write it. Unknown keys are ignored, and null counts as left out.
 * Numbers may be strings. Enums may be short or long names in any case, or numbers.
 *
 * @param known Violations that are already known.
 * @throws UnreadableRequest with `known` and every value that does not fit its field.
 */
export function readMessage(
  schema: DescMessage,
  json: JsonObject,
  known: readonly Violation[] = [],
): Message {
  const message = known.length === 0 ? readAtOnce(schema, json) : undefined;
  if (message !== undefined) return message;
  const reader = new MessageReader(isAccepted);
  const protoJson = reader.readObject(schema, json, "");
  const violations = [...known, ...reader.violations];
  if (violations.length === 0) return fromJson(schema, protoJson);
  throw new UnreadableRequest(violations, fromJson(schema, withoutNulls(protoJson)));
}

/** Most requests have nothing wrong: trying each of their values would take longer than all else. */
function readAtOnce(schema: DescMessage, json: JsonObject): Message | undefined {
  const reader = new MessageReader(() => true);
  const protoJson = reader.readObject(schema, json, "");
  if (reader.violations.length > 0) return undefined;
  try {
    return fromJson(schema, protoJson);
  } catch {
    return undefined;
  }
}

/** INVALID_REQUEST for values that do not fit their fields. */
export class UnreadableRequest extends TaskError {
  /** The message without those values. */
  readonly rest: Message;

  constructor(violations: readonly Violation[], rest: Message) {
    super("INVALID_REQUEST", describeViolations(violations), { violations });
    this.rest = rest;
  }
}

/** Whether a value is a JSON object. */
export function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Removes refused values, which are null, at any depth. */
function withoutNulls(json: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(json, (_key, value: JsonValue) =>
      Array.isArray(value) ? value.filter((item) => item !== null) : (value ?? undefined),
    ),
  ) as JsonObject;
}

/**
 * Turns a client's JSON into protobuf's JSON. Each value is judged separately, so that one wrong
 * value does not hide the next.
 */
class MessageReader {
  readonly violations: Violation[] = [];
  readonly #isAccepted: typeof isAccepted;

  constructor(judge: typeof isAccepted) {
    this.#isAccepted = judge;
  }

  readObject(schema: DescMessage, json: JsonObject, prefix: string): JsonObject {
    const protoJson: JsonObject = {};
    const given = new Set<string>();
    for (const [key, value] of Object.entries(json)) {
      const field = findField(schema, key);
      if (field === undefined || value === null) continue;
      const slot = field.oneof?.name ?? field.name;
      const path = prefix + field.name;
      if (given.has(slot)) this.#refuse(path, alreadyGiven(field));
      else protoJson[field.jsonName] = this.#readField(field, value, path);
      given.add(slot);
    }
    return protoJson;
  }

  #readField(field: DescField, json: JsonValue, path: string): JsonValue {
    if (field.fieldKind === "list") return this.#readList(field, json, path);
    if (field.fieldKind === "map") return this.#readMap(field, json, path);
    return this.#readItem(field, json, path, (item) => item);
  }

  #readList(field: DescField, json: JsonValue, path: string): JsonValue {
    if (!Array.isArray(json)) return this.#refuse(path, "must be a list");
    return json.map((item, index) =>
      this.#readItem(field, item, `${path}[${index}]`, (each) => [each]),
    );
  }

  #readMap(field: DescField, json: JsonValue, path: string): JsonValue {
    if (!isJsonObject(json)) return this.#refuse(path, "must be an object");
    const entries = Object.entries(json).map(([key, item]) => [
      key,
      this.#readItem(field, item, `${path}["${key}"]`, (each) => ({ [key]: each })),
    ]);
    return Object.fromEntries(entries) as JsonObject;
  }

  /** @param wrap Makes a value of the field from one of its items. */
  #readItem(
    field: DescField,
    json: JsonValue,
    path: string,
    wrap: (item: JsonValue) => JsonValue,
  ): JsonValue {
    const schema = plainMessage(field);
    if (schema !== undefined && isJsonObject(json) && this.#isAccepted(field, wrap({}))) {
      return this.readObject(schema, json, `${path}.`);
    }
    const item = field.enum === undefined ? json : readEnum(field.enum, json);
    if (item !== undefined && schema === undefined && this.#isAccepted(field, wrap(item)))
      return item;
    return this.#refuse(path, fieldExpectation(field, json));
  }

  #refuse(field: string, problem: string): null {
    this.violations.push({ field, message: `${field} ${problem}` });
    return null;
  }
}

/** The message of a field whose JSON is an object with a key for each field. */
function plainMessage({ message }: DescField): DescMessage | undefined {
  return message !== undefined && !hasCustomJsonRepresentation(message) ? message : undefined;
}

function isAccepted(field: DescField, json: JsonValue): boolean {
  try {
    fromJson(field.parent, { [field.jsonName]: json });
    return true;
  } catch {
    return false;
  }
}

function alreadyGiven({ oneof }: DescField): string {
  return oneof === undefined
    ? "is given under both of its names"
    : `is given beside another of ${oneof.fields.map(({ name }) => name).join(", ")}`;
}
