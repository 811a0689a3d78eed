import type { IncomingHttpHeaders } from "node:http";

/** A file as conditional and range requests see it. */
export interface FileFacts {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** How to answer a request for a file. */
export interface FileAnswer {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes to send, `end` exclusive; undefined: no body. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
}

/**
 * Answers conditions and ranges as aiohttp does, with its quirk that an ETag in `If-Range` is ignored:
 * a changed file is answered in part all the same. Who resumes must use `If-Match`.
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
  if (isUnmodified(request, file, headers.etag)) {
    return { status: 304, headers, range: undefined };
  }
  const { sizeBytes } = file;
  const range = isRangeIgnored(request, file) ? "all" : parseRange(request.range, sizeBytes);
  if (range === "unsatisfiable") {
    const contentRange = { "content-range": `bytes */${sizeBytes}` };
    return { status: 416, headers: { ...headers, ...contentRange }, range: undefined };
  }
  if (range === "all") {
    const contentLength = { "content-length": String(sizeBytes) };
    const whole = { start: 0, end: sizeBytes };
    return { status: 200, headers: { ...headers, ...contentLength }, range: whole };
  }
  const partHeaders = {
    "content-length": String(range.end - range.start),
    "content-range": `bytes ${range.start}-${range.end - 1}/${sizeBytes}`,
  };
  return { status: 206, headers: { ...headers, ...partHeaders }, range };
}

function etagOf({ sizeBytes, mtimeMs }: FileFacts): string {
  // aiohttp counts nanoseconds.
  return `"${Math.round(mtimeMs * 1e6).toString(16)}-${sizeBytes.toString(16)}"`;
}

function failsPrecondition(request: IncomingHttpHeaders, file: FileFacts, etag: string): boolean {
  const match = request["if-match"];
  if (match !== undefined) return !lists(match, etag);
  const since = parseDate(request["if-unmodified-since"]);
  return since !== undefined && seconds(file.mtimeMs) > seconds(since);
}

function isUnmodified(request: IncomingHttpHeaders, file: FileFacts, etag: string): boolean {
  const noneMatch = request["if-none-match"];
  if (noneMatch !== undefined) return lists(noneMatch, etag);
  const since = parseDate(request["if-modified-since"]);
  return since !== undefined && seconds(file.mtimeMs) <= seconds(since);
}

function isRangeIgnored(request: IncomingHttpHeaders, file: FileFacts): boolean {
  const since = parseDate(String(request["if-range"] ?? ""));
  return since !== undefined && seconds(file.mtimeMs) > seconds(since);
}

function parseRange(
  text: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | "all" | "unsatisfiable" {
  if (text === undefined) return "all";
  const match = /^bytes=(\d*)-(\d*)$/.exec(text);
  const [from = "", to = ""] = match?.slice(1) ?? [];
  if (match === null || (from === "" && to === "")) return "unsatisfiable";
  const start = from === "" ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const end = from === "" || to === "" ? sizeBytes : Math.min(Number(to) + 1, sizeBytes);
  return start >= end ? "unsatisfiable" : { start, end };
}

function lists(header: string, etag: string): boolean {
  return header.trim() === "*" || header.split(",").some((part) => part.trim() === etag);
}

function parseDate(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  // An ETag is no date, though some of them parse as one.
  return text?.startsWith('"') || Number.isNaN(time) ? undefined : time;
}

/** HTTP's dates have no fractions. */
function seconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
