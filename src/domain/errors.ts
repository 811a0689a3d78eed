/**
 * Whose fault an error is, which decides what becomes of the task:
 * `task` fails at once; `server` puts it back without spending an attempt; `out-of-memory` fails it
 * when nothing of the order in `memory-order.ts` is left; `passing` is retried with backoff; `caller`
 * is a bad request and never reaches a task.
 */
export type ErrorFamily = "caller" | "task" | "server" | "out-of-memory" | "passing";

/** What kind of failure a caller sees; mapped once to a gRPC code and an HTTP status. */
export type ErrorKind =
  | "invalid"
  | "precondition"
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

/** Every expected failure by its stable code, which is public API: clients and dashboards key on it. */
const ERRORS = {
  // A bad request.
  INVALID_REQUEST: caller("invalid"),
  HOST_NOT_ALLOWED: caller("forbidden"),
  TASK_NOT_FOUND: caller("not-found"),
  TASK_ALREADY_ENDED: caller("precondition"),
  WORKFLOW_NOT_FOUND: caller("not-found"),
  WORKFLOW_NOT_RUNNABLE: caller("precondition"),
  IDEMPOTENCY_CONFLICT: caller("conflict"),
  QUEUE_FULL: caller("exhausted"),
  TOO_MANY_CONNECTIONS: caller("unavailable"),
  STORE_UNAVAILABLE: caller("unavailable"),
  SHUTTING_DOWN: caller("unavailable"),
  // The input.
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
  // The workflow.
  WORKFLOW_INVALID: task,
  PROMPT_REJECTED: task,
  PROMPT_FAILED: task,
  NO_OUTPUT: task,
  OUTPUT_LOST: server,
  // A server.
  SERVER_UNREACHABLE: server,
  SERVER_FAULT: server,
  SERVER_LOST_PROMPT: server,
  SERVER_STUCK: server,
  CUDA_FAULT: server,
  PROMPT_INTERRUPTED: server,
  OUT_OF_MEMORY: { family: "out-of-memory", kind: "exhausted" },
  // Bounds on a task as a whole.
  POISON_TASK: task,
  TASK_TIMEOUT: task,
  // Keeping the result.
  UPLOAD_FAILED: passing,
  STORAGE_REFUSED: passing,
  DISK_FULL: passing,
  // A bug of ours; its text is logged and never shown.
  INTERNAL: { family: "passing", kind: "unavailable" },
} as const satisfies Record<string, ErrorEntry>;

/** The stable code of an expected failure. */
export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with a request. */
export interface Violation {
  /** The field's name as in the proto, dotted for nested ones. */
  readonly field: string;
  readonly message: string;
}

/** Details of a {@link TaskError}. */
export interface TaskErrorOptions extends ErrorOptions {
  /** All that is wrong with a request, for the `caller` family. */
  readonly violations?: readonly Violation[];
  /** How long a caller or a retry should wait, where the failing side said so. */
  readonly retryAfterMs?: number;
}

/**
 * An expected failure. Its message is one sentence that a client may see: what failed, on what, what
 * to do. Everything else that is thrown is a bug and becomes INTERNAL without its text.
 */
export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: TaskErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whose fault it is. */
  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }

  /** What kind of failure it is to a caller. */
  get kind(): ErrorKind {
    return ERRORS[this.code].kind;
  }
}

/** Makes a {@link TaskError} of anything thrown: itself, or INTERNAL with the original as cause. */
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
