import type { ErrorCode } from "./errors.js";

export const TASK_STATUSES = ["pending", "processing", "completed", "failed", "canceled"] as const;
/** Where a task is. The last three are terminal. */
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** What a task takes and gives. */
export type TaskType = "image" | "video";

export const STAGE_NAMES = ["download", "process", "upload"] as const;
/** A named step of a task, in the order of the list. */
export type StageName = (typeof STAGE_NAMES)[number];

export type StageStatus = "running" | "success" | "failed" | "canceled";

/** Any JSON value. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A request as it came, for the echo in `params`. Absent means that it was left out. */
export interface TaskParams {
  readonly url: string;
  readonly type?: TaskType;
  readonly workflow?: string;
  readonly model?: string;
  readonly outscale?: Json;
  readonly outputMagnification?: Json;
  readonly resolution?: Json;
  readonly target?: Json;
}

/** How far one stage has come. */
export interface Stage {
  readonly status: StageStatus;
  /** 0 to 100. */
  readonly progress: number;
  /** What the stage alone took; 0 while it runs. */
  readonly durationMs: number;
  /** One line for people. */
  readonly detail: string;
}

/** A file that a ComfyUI server names among its outputs. */
export interface OutputFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/**
 * Where a task's prompt is. Written before the prompt is sent (`intent`), when the server took it
 * (`sent`) and when it ended (`done`, with its output files); kept until the task is terminal, so
 * that whoever holds the task next re-attaches instead of submitting again.
 */
export interface Dispatch {
  /** The server's id in the pool. */
  readonly server: string;
  readonly promptId: string;
  readonly phase: "intent" | "sent" | "done";
  /** When the phase was written; with `done` that is when the prompt was seen to have ended. */
  readonly at: Date;
  /** The prefix under which the server writes this prompt's files, by which they are found even without a history. */
  readonly filenamePrefix: string;
  /** What the prompt made, the result first; only with `done`. */
  readonly outputs?: readonly OutputFile[];
  /** Whether the workflow's low-memory profile was used. */
  readonly lowMemory?: boolean;
  /** Which variant of the workflow it is; absent where the workflow has none. */
  readonly variant?: string;
}

/** How much memory a server has in all, whatever of it is free. */
export interface ServerMemory {
  /** Of the device that it computes on. */
  readonly deviceBytes: number;
  readonly machineBytes?: number;
}

/** A prompt of a task that ended because its server had not enough memory. */
export interface MemoryFailure {
  readonly promptId: string;
  /** The server's id in the pool, and what it has, where it says. */
  readonly server: string;
  readonly memory?: ServerMemory;
  /** Whether the workflow's low-memory profile was used. */
  readonly lowMemory?: boolean;
}

/** A stored result. */
export interface Output {
  /** The key in the object storage. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly fileName: string;
}

/** What an input turned out to be. */
export interface InputFacts {
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Pixels as shown, rotation applied. */
  readonly width: number;
  readonly height: number;
  /** Seconds and frames per second; absent for a still picture. */
  readonly durationSeconds?: number;
  readonly fps?: number;
  /** A picture has an alpha channel; absent: it has none, or it is not known. */
  readonly hasAlpha?: true;
  /** How far a video's frames, as stored, are turned clockwise to be shown; absent: not at all. */
  readonly rotationDegrees?: 90 | 180 | 270;
}

/** One try at a task by one holder. */
export interface Attempt {
  readonly attempt: number;
  readonly server?: string;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /** `completed`, `canceled`, `handed_back`, `lease_expired` or an error's code. */
  readonly reason?: string;
}

/** How many of a task's attempts are kept, the newest. */
export const MAX_ATTEMPTS_KEPT = 20;

/** The time-limited right of one process to work on a task. */
export interface Lease {
  /** The holder's id, new for each process. */
  readonly owner: string;
  readonly expiresAt: Date;
}

/** Why a task failed. */
export interface TaskFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A task as stored. Absent means absent: optional fields are left out, never null. */
export interface Task {
  /** 32 lower-case hexadecimal digits, time-ordered. */
  readonly taskId: string;
  /** Grows by one with every change that a client can see. */
  readonly rev: number;
  /** The fence: grows at every lease and takeover; writes with a lower one change nothing. */
  readonly epoch: number;
  readonly status: TaskStatus;
  readonly type: TaskType;
  /** 0 to 2, the highest first. */
  readonly priority: number;
  readonly params: TaskParams;
  /** The resolved workflow's name, its version (a hash of its content) and its parameters. */
  readonly workflow: string;
  readonly workflowVersion: string;
  readonly parameters: { readonly [name: string]: Json };
  /** Which variant of the workflow a server took: a later prompt is of the same one. Absent: none yet, or it has none. */
  readonly variant?: string;
  readonly idempotencyKey?: string;

  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Not before the client wants it, and not before a retry's pause is over. */
  readonly dueAt: Date;
  readonly notBefore?: Date;
  readonly finishedAt?: Date;

  /** From 1; grows when a fault of the task or a passing fault is retried. */
  readonly attempt: number;
  /** How often a server fault or a dead holder made it change hands. */
  readonly takeovers: number;
  readonly attempts: readonly Attempt[];
  /** How often younger tasks of an already loaded workflow went first, and since when. */
  readonly bypassCount: number;
  readonly firstBypassedAt?: Date;

  readonly stages: { readonly [name in StageName]?: Stage };
  /** 0 to 100, over all stages. */
  readonly progress: number;
  readonly runningNode?: string;
  readonly input?: InputFacts;

  readonly lease?: Lease;
  /** `server#n`: the slot the task holds. */
  readonly slot?: string;
  readonly dispatch?: Dispatch;
  /** Its prompts that ran out of memory, in their order: what comes next depends on them. */
  readonly memoryFailures?: readonly MemoryFailure[];
  /** A canceled task whose prompt or slot is not known to be free yet. */
  readonly cleanupPending?: boolean;

  /** What the object storage needs to resume an upload; its own format. */
  readonly uploadCheckpoint?: Json;
  readonly outputs?: readonly Output[];
  readonly error?: TaskFailure;
}

/** Each status and those that may follow it. */
const TRANSITIONS: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  pending: ["processing", "canceled", "failed"],
  processing: ["pending", "completed", "failed", "canceled"],
  completed: [],
  failed: [],
  canceled: [],
};

/** Whether a status never changes again. */
export function isTerminal(status: TaskStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** Whether a task in `from` may go to `to`. */
export function mayBecome(from: TaskStatus, to: TaskStatus): boolean {
  return TRANSITIONS[from].includes(to);
}
