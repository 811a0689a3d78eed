import type { TaskError } from "../domain/errors.js";
import { defined } from "../lib/defined.js";
import { downloadError } from "./download-error.js";
import type { PartFile, PartStart } from "./part-file.js";

/** Headers by lower-case name. Of repeated headers, only the first is kept, but all codings. */
export type HeaderValues = Readonly<Record<string, string | undefined>>;

/** The answer of an origin without its body. */
export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: HeaderValues;
}

/**
 * The codings of a body that are undone. The request asks for none, but some origins compress
 * anyway.
 */
export type ContentCoding = "gzip" | "deflate" | "br";

/**
 * Judges an answer and prepares `part` for its body. If the origin continues the same file, the
 * body is appended to what is on disk. Otherwise the file begins again.
 *
 * @returns the codings of the body, in the order in which they were applied.
 * @throws TaskError final (not found, refused, too large) or passing. If the answer does not fit
 *   the bytes on disk, `part` begins again.
 */
export function acceptResponse(
  url: string,
  { statusCode, headers }: ResponseHead,
  part: PartFile,
  maxBytes: number,
): readonly ContentCoding[] {
  if (statusCode === 206 || statusCode === 416) checkRest(url, statusCode, headers, part);
  else if (statusCode !== 200) throw refusedStatus(url, statusCode, headers);
  const codings = contentCodings(url, headers);
  if (statusCode === 200) part.restart(codings.length === 0 ? partStart(headers) : {});
  else if (codings.length > 0) throw cannotResume(url, part, "it is compressed");
  if (part.totalBytes !== undefined && part.totalBytes > maxBytes)
    throw inputTooLarge(url, `it has ${part.totalBytes} bytes`, maxBytes);
  return codings;
}

/**
 * The error for an input over the size limit. `what` is its size, or the part of it that is known.
 */
export function inputTooLarge(url: string, what: string, maxBytes: number): TaskError {
  return downloadError("INPUT_TOO_LARGE", url, `${what}, more than the limit of ${maxBytes}`);
}

/** Makes sure that a partial answer begins exactly where the file on disk ends. */
function checkRest(url: string, statusCode: number, headers: HeaderValues, part: PartFile): void {
  if (!part.canResume)
    throw downloadError("INPUT_REFUSED", url, `server answered ${statusCode} to a request for all`);
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/i.exec(headers["content-range"] ?? "");
  if (statusCode === 416 || range === null) throw cannotResume(url, part, "it names no range");
  const [, firstByte, total] = range;
  if (Number(firstByte) !== part.sizeBytes)
    throw cannotResume(url, part, `it begins at byte ${firstByte}, not ${part.sizeBytes}`);
  const totalBytes = total === "*" ? part.totalBytes : Number(total);
  if (totalBytes === undefined)
    throw cannotResume(url, part, "it does not say where the file ends");
  if (totalBytes !== (part.totalBytes ?? totalBytes) || hasChanged(headers, part.validator))
    throw cannotResume(url, part, "the file has changed");
  part.expect(totalBytes);
}

function hasChanged(headers: HeaderValues, validator: string | undefined): boolean {
  const now = isStrongEtag(validator) ? headers["etag"] : headers["last-modified"];
  return now !== undefined && now !== validator;
}

function cannotResume(url: string, part: PartFile, reason: string): TaskError {
  part.restart();
  return downloadError(
    "INPUT_TRUNCATED",
    url,
    `the server's partial answer does not fit, ${reason}`,
  );
}

function partStart(headers: HeaderValues): PartStart {
  const length = headers["content-length"];
  const etag = headers["etag"];
  const validator = isStrongEtag(etag) ? etag : headers["last-modified"];
  return defined({ totalBytes: length === undefined ? undefined : Number(length), validator });
}

/** If-Range allows only strong ETags (RFC 9110, 13.1.5). */
function isStrongEtag(etag: string | undefined): etag is string {
  return etag?.startsWith('"') ?? false;
}

const CODINGS: ReadonlyMap<string, ContentCoding> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
  ["br", "br"],
]);
/** Codings of HTTP that nothing here undoes: IANA's registry of content codings. */
const OTHER_CODINGS = new Set([
  ...["aes128gcm", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "zstd"],
]);
const MAX_CODINGS = 4;

/**
 * What Content-Encoding lists. Words that are no content coding, such as `aws-chunked` or `utf-8`,
 * encode nothing and are ignored.
 */
function contentCodings(url: string, headers: HeaderValues): readonly ContentCoding[] {
  const tokens = (headers["content-encoding"] ?? "").toLowerCase().split(",");
  const names = tokens.map((token) => token.trim());
  const codings = names.flatMap((name) => CODINGS.get(name) ?? []);
  const refused = names.find((name) => OTHER_CODINGS.has(name));
  if (refused === undefined && codings.length <= MAX_CODINGS) return codings;
  const how = refused === undefined ? `${codings.length} times` : `as "${refused}"`;
  throw downloadError("INPUT_REFUSED", url, `the answer is compressed ${how}`);
}

function refusedStatus(url: string, statusCode: number, headers: HeaderValues): TaskError {
  const reason = `server answered ${statusCode}`;
  if (statusCode === 404 || statusCode === 410)
    return downloadError("INPUT_NOT_FOUND", url, reason);
  if (statusCode === 408) return downloadError("INPUT_TIMEOUT", url, reason);
  if (statusCode < 500 && statusCode !== 425 && statusCode !== 429)
    return downloadError("INPUT_REFUSED", url, reason);
  const retryAfterMs = parseRetryAfter(headers["retry-after"]);
  return downloadError("INPUT_UNREACHABLE", url, reason, defined({ retryAfterMs }));
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
