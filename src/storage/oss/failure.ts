import { defined } from "../../lib/defined.js";
import { errorCode } from "../../lib/error-code.js";

/** A failed call to OSS. */
export class OssFailure extends Error {
  override readonly name = "OssFailure";
  /**
   * A code of OSS (`NoSuchBucket`), of Node.js (`ECONNRESET`) or our own. Empty if an answer had no
   * code.
   */
  readonly code: string;
  /** The answer's status. Absent if no answer came. */
  readonly statusCode: number | undefined;
  readonly requestId: string | undefined;

  constructor(
    code: string,
    message: string,
    answer: ErrorOptions & { readonly statusCode?: number; readonly requestId?: string } = {},
  ) {
    super(message, answer);
    this.code = code;
    this.statusCode = answer.statusCode;
    this.requestId = answer.requestId;
  }

  /** Whether the same call may succeed a little later. */
  get isPassing(): boolean {
    const { statusCode, code } = this;
    if (statusCode === undefined) return !TLS_CODES.test(code);
    if (PASSING_CODES.has(code)) return true;
    return (statusCode >= 500 && statusCode !== 501) || statusCode === 408 || statusCode === 429;
  }
}

/**
 * Codes of Node.js for a certificate that is not trusted, or for a peer that does not speak TLS.
 */
export const TLS_CODES = /CERT|^UNABLE_TO_|^ERR_TLS_|^ERR_SSL_|^EPROTO$/;

/** Codes of failures that pass, although their status says otherwise. The last two are our own. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "InternalError",
  "ServiceUnavailable",
  "EtagMismatch",
  "NoEtag",
]);

/**
 * Whether OSS does not know the upload in parts: it was completed, given up or ended by a lifecycle
 * rule.
 */
export function isNoSuchUpload(thrown: unknown): boolean {
  return thrown instanceof OssFailure && thrown.code === "NoSuchUpload";
}

/**
 * Makes an OssFailure from an error of the SDK: an error answer, or a network error, which has a
 * negative status.
 */
export function toOssFailure(thrown: unknown): OssFailure {
  if (thrown instanceof OssFailure) return thrown;
  const { message, status, requestId } = thrown as SdkError;
  return new OssFailure(errorCode(thrown), message, {
    cause: thrown,
    ...defined({ statusCode: status !== undefined && status > 0 ? status : undefined, requestId }),
  });
}

interface SdkError extends Error {
  readonly status?: number;
  readonly requestId?: string;
}
