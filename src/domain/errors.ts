/**
 * Whose fault an error is, which decides what becomes of the task:
 * `task` fails at once; `server` puts it back without spending an attempt; `out-of-memory` fails it
 * when nothing of the order in `memory-order.ts` is left; `passing` is retried with backoff; `caller`
 * is a bad request and never reaches a task.
 */
export type ErrorFamily = "caller" | "task" | "server" | "out-of-memory" | "passing";

/**
 * The kind of failure that a caller sees. It is mapped to a gRPC code and an HTTP status in one
 * place.
 */
export type ErrorKind =
  | "invalid"
  | "precondition"
  | "unauthenticated"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "exhausted"
  | "unavailable";

interface ErrorEntry {
  readonly family: ErrorFamily;
  readonly kind: ErrorKind;
}

const caller = (kind: ErrorKind): ErrorEntry => ({ family: "caller", kind });
const task: ErrorEntry = { family: "task", kind: "precondition" };
const server: ErrorEntry = { family: "server", kind: "unavailable" };
const passing: ErrorEntry = { family: "passing", kind: "unavailable" };

/**
 * Every expected failure by its stable code. The codes are public API: clients and dashboards rely
 * on them.
 */
const ERRORS = {
  // Bad requests.
  INVALID_REQUEST: caller("invalid"),
  HOST_NOT_ALLOWED: caller("forbidden"),
  UNAUTHENTICATED: caller("unauthenticated"),
  PERMISSION_DENIED: caller("forbidden"),
  TOO_MANY_TRIES: caller("exhausted"),
  RATE_LIMITED: caller("exhausted"),
  KEY_NOT_FOUND: caller("not-found"),
  TASK_NOT_FOUND: caller("not-found"),
  TASK_ALREADY_ENDED: caller("precondition"),
  TASK_NOT_ENDED: caller("precondition"),
  PREVIEW_NOT_AVAILABLE: caller("not-found"),
  INPUT_NOT_AVAILABLE: caller("not-found"),
  WORKFLOW_NOT_FOUND: caller("not-found"),
  WORKFLOW_NOT_RUNNABLE: caller("precondition"),
  IDEMPOTENCY_CONFLICT: caller("conflict"),
  CURSOR_EXPIRED: caller("precondition"),
  QUEUE_FULL: caller("exhausted"),
  TENANT_FULL: caller("exhausted"),
  TOO_MANY_CONNECTIONS: caller("unavailable"),
  TOO_MANY_UPLOADS: caller("exhausted"),
  STORE_UNAVAILABLE: caller("unavailable"),
  STORE_WITHOUT_TRANSACTIONS: caller("precondition"),
  WEBHOOKS_NOT_CONFIGURED: caller("precondition"),
  DELIVERY_NOT_FOUND: caller("not-found"),
  SHUTTING_DOWN: caller("unavailable"),
  // Faults of the input.
  INPUT_ADDRESS_NOT_ALLOWED: task,
  INPUT_NOT_FOUND: task,
  INPUT_REFUSED: task,
  INPUT_TOO_LARGE: task,
  INPUT_TYPE_MISMATCH: task,
  INPUT_TYPE_UNSUPPORTED: task,
  INPUT_DAMAGED: task,
  INPUT_TRUNCATED: passing,
  INPUT_UNREACHABLE: passing,
  INPUT_TIMEOUT: passing,
  // Faults of the workflow.
  WORKFLOW_INVALID: task,
  PROMPT_REJECTED: task,
  PROMPT_FAILED: task,
  NO_OUTPUT: task,
  BAD_RESULT: task,
  OUTPUT_LOST: server,
  // Faults of a server.
  SERVER_UNREACHABLE: server,
  SERVER_FAULT: server,
  SERVER_LOST_PROMPT: server,
  SERVER_STUCK: server,
  CUDA_FAULT: server,
  PROMPT_INTERRUPTED: server,
  OUT_OF_MEMORY: { family: "out-of-memory", kind: "exhausted" },
  // Limits on a task as a whole.
  POISON_TASK: task,
  TASK_TIMEOUT: task,
  // Faults while the result is stored.
  UPLOAD_FAILED: passing,
  STORAGE_REFUSED: passing,
  DISK_FULL: passing,
  // A bug in this service. Its text is logged and never shown to a client.
  INTERNAL: { family: "passing", kind: "unavailable" },
} as const satisfies Record<string, ErrorEntry>;

/** The stable code of an expected failure. */
export type ErrorCode = keyof typeof ERRORS;

/** One problem of a request. */
export interface Violation {
  /** The field's name in the proto; nested names are joined by dots. */
  readonly field: string;
  readonly message: string;
}

/** What is broken on a server, and for whom. */
export interface ServerTrouble {
  /**
   * `files`: model files that are half fetched, of another format, missing or not readable;
   * `network`: a node does not reach the origin of its files; `installation`: packages of a node are
   * missing or do not fit the server; `system`: threads, mounts, disks; `device`: the GPU or its
   * driver.
   */
  readonly kind: "files" | "network" | "installation" | "system" | "device";
  /** `workflow`: others may well run there; `server`: nothing will. */
  readonly concerns: "workflow" | "server";
}

/** Details of a {@link TaskError}. */
export interface TaskErrorOptions extends ErrorOptions {
  /** All problems of a request; only for the `caller` family. */
  readonly violations?: readonly Violation[];
  /** How long the caller or the retry should wait, if the failing side said so. */
  readonly retryAfterMs?: number;
  /** What is broken on the server, if its error tells. */
  readonly trouble?: ServerTrouble;
  /**
   * The code says whose fault it is, but nothing proves it: the server may be at fault as well as
   * the task. The same end on another server proves it. Default: false.
   */
  readonly isUnclear?: boolean;
  /** Another try would end the same: a passing fault fails the task at once. Default: false. */
  readonly isFinal?: boolean;
}

/**
 * An expected failure. Its message is one sentence that a client may see: which action failed, on
 * which value, and what to do. Any other thrown error is a bug and becomes INTERNAL without its
 * text.
 */
export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;
  readonly trouble: ServerTrouble | undefined;
  readonly isUnclear: boolean;
  readonly isFinal: boolean;

  constructor(code: ErrorCode, message: string, options: TaskErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.trouble = options.trouble;
    this.isUnclear = options.isUnclear ?? false;
    this.isFinal = options.isFinal ?? false;
  }

  /** Whose fault the error is. */
  get family(): ErrorFamily {
    const { family } = ERRORS[this.code];
    return this.isFinal && family === "passing" ? "task" : family;
  }

  /** The kind of failure that a caller sees. */
  get kind(): ErrorKind {
    return ERRORS[this.code].kind;
  }
}

/**
 * Turns any thrown value into a {@link TaskError}. A TaskError stays as it is; anything else
 * becomes INTERNAL with the original as cause.
 */
export function toTaskError(thrown: unknown): TaskError {
  if (thrown instanceof TaskError) return thrown;
  return new TaskError(
    "INTERNAL",
    "An internal error occurred; the service's log has the details",
    {
      cause: thrown,
    },
  );
}
