/**
 * Failed calls to a server become TaskErrors here, and nowhere else. All belong to the server
 * family: if a server does not answer or answers nonsense, the task is not to blame.
 */
import { TaskError, type TaskErrorOptions } from "../domain/errors.js";
import { LimitExceeded } from "../lib/deadline.js";

/**
 * The action that was tried, for messages: `{ action: "read the queue of", address:
 * "http://gpu1:8188" }`.
 */
export interface Attempted {
  readonly action: string;
  /** The server's address without credentials. */
  readonly address: string;
}

/** An error whose message says which action was tried and why it failed. */
export function callError(
  code: TaskError["code"],
  { action, address }: Attempted,
  reason: string,
  options: TaskErrorOptions = {},
): TaskError {
  return new TaskError(code, `Cannot ${action} server "${address}": ${reason}`, options);
}

/**
 * Translates an error that came before an answer. An error that no network causes is a bug and is
 * thrown again.
 */
export function networkError(attempted: Attempted, thrown: unknown): TaskError {
  if (thrown instanceof TaskError) return thrown;
  const reason = reasonOf(thrown);
  if (reason === undefined) throw thrown;
  const code = reason === NOT_HTTP ? "SERVER_FAULT" : "SERVER_UNREACHABLE";
  return callError(code, attempted, reason, { cause: thrown });
}

/** The error for a status that means failure for every request. */
export function statusError(attempted: Attempted, statusCode: number): TaskError {
  const hint = HINTS.get(statusCode) ?? "";
  const code = PASSING_STATUSES.has(statusCode) ? "SERVER_UNREACHABLE" : "SERVER_FAULT";
  return callError(code, attempted, `answered ${statusCode}${hint}`, {
    cause: new AnsweredStatus(statusCode),
  });
}

/** The error for an answer that ComfyUI never gives. */
export function nonsenseError(attempted: Attempted, cause: unknown): TaskError {
  return callError("SERVER_FAULT", attempted, "its answer is not that of a ComfyUI server", {
    cause,
  });
}

/** The cause of an error that was made from a status. */
export class AnsweredStatus extends Error {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super(`Status ${statusCode}`);
    this.statusCode = statusCode;
  }
}

/**
 * Whether the server refused the connection. Then nothing listens at its address: the process is
 * gone, and so are its queue and history. A server that is only silent may still hold them. Behind
 * a gateway, a dead server answers 502 instead, which proves nothing.
 */
export function isRefused(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.every(isRefused);
  }
  if (!(error instanceof Error)) return false;
  return codeOf(error) === "ECONNREFUSED" || isRefused(error.cause);
}

/** Whether the call failed before anything was sent, so that the server cannot know of it. */
export function isUnsent(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every(isUnsent);
  if (!(error instanceof Error)) return false;
  const { syscall } = error as NodeJS.ErrnoException;
  const code = codeOf(error);
  return (
    syscall === "connect" ||
    syscall === "getaddrinfo" ||
    code === "UND_ERR_CONNECT_TIMEOUT" ||
    isTlsCode(code) ||
    isUnsent(error.cause)
  );
}

const NOT_HTTP = "its answer is not HTTP";
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, ": check the credentials configured for it"],
  [
    403,
    ": check the credentials configured for it, or the Host header that a proxy in between sends",
  ],
  [404, ": check its URL"],
  [413, ": raise --max-upload-size of ComfyUI, and the limit of a proxy in between"],
]);

function reasonOf(thrown: unknown): string | undefined {
  if (thrown instanceof LimitExceeded) return `no answer within ${thrown.limitMs / 1_000} s`;
  if (!(thrown instanceof Error)) return undefined;
  const code = codeOf(thrown);
  if (code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW") return NOT_HTTP;
  if (isTlsCode(code)) return `TLS failed with ${code}`;
  return REASONS.get(code);
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection lost"],
  ["ECONNABORTED", "connection lost"],
  ["EPIPE", "connection lost"],
  ["UND_ERR_SOCKET", "connection lost"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "connection lost"],
  ["UND_ERR_CONNECT_TIMEOUT", "no connection in time"],
  ["ETIMEDOUT", "no connection in time"],
  ["ENOTFOUND", "its name cannot be resolved"],
  ["EAI_AGAIN", "its name cannot be resolved"],
  ["EADDRNOTAVAIL", "no connection to be had"],
  ["EHOSTDOWN", "host unreachable"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETDOWN", "network unreachable"],
  ["ENETUNREACH", "network unreachable"],
]);

function isTlsCode(code: string): boolean {
  return /^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code);
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : "";
}
