import { defined } from "../../lib/defined.js";
import { errorCode } from "../../lib/error-code.js";

/** What a call to OSS ended with instead of success. */
export class OssFailure extends Error {
  override readonly name = "OssFailure";
  /** OSS's own (`NoSuchBucket`), Node's (`ECONNRESET`) or one of ours; empty where an answer had none. */
  readonly code: string;
  /** Of the answer; absent where none came. */
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

/** What Node answers where a certificate is not trusted or the other side speaks no TLS. */
export const TLS_CODES = /CERT|^UNABLE_TO_|^ERR_TLS_|^ERR_SSL_|^EPROTO$/;

/** Codes that pass although their status says otherwise; the last two are ours. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "InternalError",
  "ServiceUnavailable",
  "EtagMismatch",
  "NoEtag",
]);

/** Whether an upload in parts is unknown to OSS: completed, given up or ended by a lifecycle rule. */
export function isNoSuchUpload(thrown: unknown): boolean {
  return thrown instanceof OssFailure && thrown.code === "NoSuchUpload";
}

/** Makes a failure of what the SDK throws: an answer's error, or a network error with a negative status. */
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
