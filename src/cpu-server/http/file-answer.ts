import type { IncomingHttpHeaders } from "node:http";
import { type ByteRange, parseByteRange } from "../../lib/byte-range.js";
import { isUnchanged } from "../../lib/is-unchanged.js";

/** The facts about a file that conditional and range requests need. */
export interface FileFacts {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** The answer to a request for a file. */
export interface FileAnswer {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes to send. Undefined: no body. */
  readonly range: ByteRange | undefined;
}

/**
 * Answers conditions and ranges as aiohttp does. Like aiohttp it ignores an ETag in `If-Range`, so
 * a changed file is still answered in part. Clients that resume must use `If-Match`.
 */
export function answerFile(request: IncomingHttpHeaders, file: FileFacts): FileAnswer {
  const headers = {
    etag: etagOf(file),
    "last-modified": new Date(file.mtimeMs).toUTCString(),
    "accept-ranges": "bytes",
  };
  if (failsPrecondition(request, file, headers.etag)) {
    return { status: 412, headers: {}, range: undefined };
  }
  if (isUnchanged(request, headers)) {
    return { status: 304, headers, range: undefined };
  }
  const { sizeBytes } = file;
  const whole = { first: 0, last: sizeBytes - 1 };
  const range = wantedRange(request, file) ?? whole;
  if (range === "unsatisfiable") {
    const contentRange = { "content-range": `bytes */${sizeBytes}` };
    return { status: 416, headers: { ...headers, ...contentRange }, range: undefined };
  }
  const { first, last } = range;
  const contentLength = { "content-length": String(last - first + 1) };
  if (range === whole) return { status: 200, headers: { ...headers, ...contentLength }, range };
  const contentRange = { "content-range": `bytes ${first}-${last}/${sizeBytes}` };
  return { status: 206, headers: { ...headers, ...contentLength, ...contentRange }, range };
}

function etagOf({ sizeBytes, mtimeMs }: FileFacts): string {
  // aiohttp counts in nanoseconds.
  return `"${Math.round(mtimeMs * 1e6).toString(16)}-${sizeBytes.toString(16)}"`;
}

function failsPrecondition(request: IncomingHttpHeaders, file: FileFacts, etag: string): boolean {
  const match = request["if-match"];
  if (match !== undefined) return !lists(match, etag);
  const since = parseDate(request["if-unmodified-since"]);
  return since !== undefined && seconds(file.mtimeMs) > seconds(since);
}

/** Undefined: send the whole file. */
function wantedRange(
  request: IncomingHttpHeaders,
  file: FileFacts,
): ByteRange | "unsatisfiable" | undefined {
  const since = parseDate(String(request["if-range"] ?? ""));
  const isIgnored = since !== undefined && seconds(file.mtimeMs) > seconds(since);
  if (request.range === undefined || isIgnored) return undefined;
  // aiohttp answers 416 to everything except one range of bytes.
  return parseByteRange(request.range, file.sizeBytes) ?? "unsatisfiable";
}

function lists(header: string, etag: string): boolean {
  return header.trim() === "*" || header.split(",").some((part) => part.trim() === etag);
}

function parseDate(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  // An ETag is not a date, although some ETags can be parsed as one.
  return text?.startsWith('"') || Number.isNaN(time) ? undefined : time;
}

/** HTTP dates have no fractions of a second. */
function seconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
