import type { JsonValue } from "@bufbuild/protobuf";
import { TaskError } from "../../domain/errors.js";
import { describeJsonError } from "./json-error.js";

/**
 * Reads a request body that is JSON in UTF-8.
 *
 * @throws TaskError INVALID_REQUEST that says where the text is not JSON. The key `__proto__` is
 *   refused too, because it has no honest use.
 */
export function parseJsonBody(bytes: Uint8Array): JsonValue {
  const text = decodeUtf8(bytes);
  const json = parseJson(text);
  if (MAYBE_PROTO_KEY.test(text)) refuseProtoKeys(text);
  return json;
}

/**
 * Whether a media type is JSON: `application/json` or `application/*+json`, with any parameters.
 */
export function isJsonMediaType(mediaType: string): boolean {
  return /^\s*application\/(?:json|[\w!#$&^.-]+(?:\+[\w!#$&^.-]+)*\+json)\s*(?:;|$)/i.test(
    mediaType,
  );
}

const MAYBE_PROTO_KEY = /__proto__|\\u005f/i;

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalidBody("it is not UTF-8", cause);
  }
}

function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw invalidBody(describeJsonError(text) ?? "it is malformed", cause);
  }
}

function refuseProtoKeys(text: string): void {
  let isFound = false;
  try {
    JSON.parse(text, (key, value: unknown) => {
      isFound ||= key === "__proto__";
      return value;
    });
  } catch (cause) {
    // The text is valid JSON here, so the only possible error is that it is nested too deeply.
    throw invalidBody("it is nested too deeply", cause);
  }
  if (isFound) throw invalidBody('the key "__proto__" is not allowed');
}

function invalidBody(problem: string, cause?: unknown): TaskError {
  return new TaskError("INVALID_REQUEST", `Cannot read the request body as JSON: ${problem}`, {
    cause,
  });
}
