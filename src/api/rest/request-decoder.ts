import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { TaskError, type Violation } from "../../domain/errors.js";
import { fieldPathName, resolveFieldPath } from "./field-path.js";
import type { HttpBinding } from "./http-binding.js";
import { isJsonObject, readMessage } from "./message-reader.js";
import { bindParameter } from "./parameter-binder.js";

/** The parts of an HTTP request that fill the request message. */
export interface RequestParts {
  /** The texts that the template's variables captured, in order. */
  readonly captures: readonly string[];
  /** The text after the question mark. */
  readonly query: string;
  /** Undefined if the request has no body. */
  readonly body: JsonValue | undefined;
  /** The header with which a reader of server-sent events resumes. */
  readonly lastEventId: string | undefined;
}

/**
 * Builds the request message as google.api.http demands: the path wins over the body, the body over
 * the query. With `body: "*"` the query is ignored. `Last-Event-ID` fills a stream's field `cursor`
 * if the query does not.
 *
 * @throws TaskError INVALID_REQUEST with all violations.
 */
export function decodeRequest(binding: HttpBinding, parts: RequestParts): Message {
  const { input } = binding.method.method;
  const violations: Violation[] = [];
  const json = binding.body === "message" ? bodyObject(parts.body) : {};
  if (binding.body !== "message") violations.push(...bindQuery(binding, json, parts));
  if (typeof binding.body === "object" && parts.body !== undefined) {
    json[binding.body.jsonName] = parts.body;
  }
  violations.push(...bindPath(binding, json, parts.captures));
  return readMessage(input, json, violations);
}

function bodyObject(body: JsonValue | undefined): JsonObject {
  if (body === undefined || body === null) return {};
  if (isJsonObject(body)) return body;
  throw new TaskError("INVALID_REQUEST", "Cannot read the request body: it must be a JSON object");
}

function bindQuery(
  binding: HttpBinding,
  json: JsonObject,
  { query, lastEventId }: RequestParts,
): Violation[] {
  const { input } = binding.method.method;
  const cursor = cursorField(binding);
  if (cursor !== undefined && lastEventId !== undefined && lastEventId !== "") {
    json[cursor.jsonName] = lastEventId;
  }
  if (query === "") return [];
  const parameters = new URLSearchParams(query);
  return [...new Set(parameters.keys())].flatMap((name) => {
    const fields = resolveFieldPath(input, name);
    if (fields === undefined || isBoundElsewhere(binding, fields)) return [];
    return bindParameter(json, fields, parameters.getAll(name)) ?? [];
  });
}

function isBoundElsewhere({ body, variables }: HttpBinding, fields: readonly DescField[]): boolean {
  const name = fieldPathName(fields);
  return fields[0] === body || variables.some((variable) => fieldPathName(variable) === name);
}

function bindPath(
  { variables }: HttpBinding,
  json: JsonObject,
  captures: readonly string[],
): Violation[] {
  return variables.flatMap(
    (fields, index) => bindParameter(json, fields, captures.slice(index, index + 1)) ?? [],
  );
}

function cursorField({ method }: HttpBinding): DescField | undefined {
  return method.kind === "server_streaming" ? findCursor(method.method.input) : undefined;
}

/** The field by which a stream resumes. Its messages have the same field. */
export function findCursor(message: DescMessage): DescField | undefined {
  return message.fields.find(
    ({ name, fieldKind, scalar }) =>
      name === "cursor" && fieldKind === "scalar" && scalar === ScalarType.STRING,
  );
}
