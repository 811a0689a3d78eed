import { type ErrorCode, TaskError, type TaskErrorOptions } from "../domain/errors.js";
import { errorCode } from "../lib/error-code.js";
import { redactUrl } from "./redact-url.js";

/** Makes the error of a download. Its message is `Cannot download input "<URL>": <reason>`. */
export function downloadError(
  code: ErrorCode,
  url: string,
  reason: string,
  options: TaskErrorOptions = {},
): TaskError {
  return new TaskError(
    code,
    `Cannot download input ${JSON.stringify(redactUrl(url))}: ${reason}`,
    options,
  );
}

/**
 * The error codes of sockets, TLS, HTTP, decompression and the file system, and what each means for
 * a download.
 */
const MEANINGS: readonly (readonly [codes: RegExp, code: ErrorCode, reason: string])[] = [
  [/^(ENOTFOUND|EAI_)/, "INPUT_UNREACHABLE", "the host name cannot be resolved"],
  [/^ECONNREFUSED$/, "INPUT_UNREACHABLE", "the server refused the connection"],
  [/^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL)$/, "INPUT_UNREACHABLE", "the server is out of reach"],
  [/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, "INPUT_TIMEOUT", "connecting took too long"],
  [/^UND_ERR_HEADERS_TIMEOUT$/, "INPUT_TIMEOUT", "the server did not answer in time"],
  [/^UND_ERR_BODY_TIMEOUT$/, "INPUT_TIMEOUT", "the server stopped sending"],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, "INPUT_UNREACHABLE", "the connection was cut"],
  [/CERT|SELF_SIGNED|^UNABLE_TO_/, "INPUT_REFUSED", "the server's TLS certificate is not trusted"],
  [/^(ERR_SSL|EPROTO)/, "INPUT_REFUSED", "no TLS connection could be agreed on"],
  [/^UND_ERR_HEADERS_OVERFLOW$/, "INPUT_REFUSED", "the answer's headers are too large"],
  [/^HPE_/, "INPUT_UNREACHABLE", "the answer is not valid HTTP"],
  [
    /^(Z_BUF_ERROR|ERR_BROTLI_UNEXPECTED_EOF)$/,
    "INPUT_TRUNCATED",
    "the compressed answer ends early",
  ],
  [
    /^(Z_|ERR_BROTLI|ERR_.*BROTLI|ERR__ERROR)/,
    "INPUT_DAMAGED",
    "the answer's compression is damaged",
  ],
  [/^(ENOSPC|EDQUOT)$/, "DISK_FULL", "the disk is full"],
];

/** What the HTTP library calls errors for which there is no row. */
const LIBRARY_ERROR = /^(UND_|ERR_)/;

/** Translates an error that a download met. An error that is no download's is returned unchanged. */
export function translateDownloadError(thrown: unknown, url: string): unknown {
  if (thrown instanceof TaskError) return thrown;
  const code = errorCode(thrown);
  const meaning = MEANINGS.find(([codes]) => codes.test(code));
  if (meaning === undefined && LIBRARY_ERROR.test(code))
    return downloadError("INPUT_UNREACHABLE", url, `the download failed (${code})`, {
      cause: thrown,
    });
  if (meaning === undefined) return thrown;
  return downloadError(meaning[1], url, `${meaning[2]} (${code})`, { cause: thrown });
}
