import type { ColourDepth } from "./colour-depth.js";
import type { ErrorCode } from "./errors.js";
import type { Chunk, FilmState } from "./film.js";
import type { Webhook } from "./webhook.js";

export const TASK_STATUSES = ["pending", "processing", "completed", "failed", "canceled"] as const;
/** The status of a task. The last three are terminal. */
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** The media type of a task's input and result. */
export type TaskType = "image" | "video";

export const STAGE_NAMES = ["download", "process", "upload"] as const;
/** A named step of a task, in the order in which they run. */
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

/**
 * The request as it was sent; shown again as `params`. An absent field was left out of the request.
 */
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

/** A client's own marks on a task, by which it finds the task again: at most 8. */
export interface Labels {
  readonly [key: string]: string;
}

/** One label: a key and its value. */
export type Label = readonly [key: string, value: string];

/** The progress of one stage. */
export interface Stage {
  readonly status: StageStatus;
  /** 0 to 100. */
  readonly progress: number;
  /** How long the stage itself took. It is 0 while the stage runs. */
  readonly durationMs: number;
  /** One line for people. */
  readonly detail: string;
}

/** A file that a ComfyUI server lists in a prompt's outputs. */
export interface OutputFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/**
 * The state of a task's prompt. It is written before the prompt is sent (`intent`), when the server
 * has taken it (`sent`), and when it has ended (`done`, with its output files). It is kept until
 * the task is terminal, so that the next holder attaches to the same prompt and does not submit it
 * again.
 */
export interface Dispatch {
  /** The server's id in the pool. */
  readonly server: string;
  readonly promptId: string;
  readonly phase: "intent" | "sent" | "done";
  /** When the phase was written. For `done`: when this service saw that the prompt had ended. */
  readonly at: Date;
  /**
   * The prefix of all file names that the server writes for this prompt. It finds the files even
   * without a history.
   */
  readonly filenamePrefix: string;
  /** The prompt's files, the result first. Only with `done`. */
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

/**
 * A failure that may be the task's fault or that of its server: another server is asked for a second
 * opinion.
 */
export interface UnclearFailure {
  /** The server's id in the pool. */
  readonly server: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A stored result. */
export interface Output {
  /** The key in the object storage. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly fileName: string;
}

/** Facts about an input, found by probing it. */
export interface InputFacts {
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Pixels as shown, after rotation. */
  readonly width: number;
  readonly height: number;
  /** Seconds and frames per second. Absent for a still picture. */
  readonly durationSeconds?: number;
  readonly fps?: number;
  /** A picture has an alpha channel; absent: it has none, or it is not known. */
  readonly hasAlpha?: true;
  /** How far a video's frames, as stored, are turned clockwise to be shown; absent: not at all. */
  readonly rotationDegrees?: 90 | 180 | 270;
  /** Of a film with more than 8 bits or a high dynamic range; absent: it has neither. */
  readonly depth?: ColourDepth;
}

/** One attempt at a task by one holder. */
export interface Attempt {
  readonly attempt: number;
  readonly server?: string;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /** `completed`, `canceled`, `handed_back`, `lease_expired` or an error's code. */
  readonly reason?: string;
}

/** How many attempts of a task are kept. The newest are kept. */
export const MAX_ATTEMPTS_KEPT = 20;

/** How many notes of a task are kept, the oldest, and how many characters of each. */
export const MAX_NOTES = 8;
export const MAX_NOTE_LENGTH = 200;

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

/** A task as it is stored. Optional fields without a value are left out, never null. */
export interface Task {
  /** 32 lower-case hexadecimal digits, time-ordered. */
  readonly taskId: string;
  /** Grows by one with every change that a client can see. */
  readonly rev: number;
  /**
   * The fence. It grows with every lease and takeover; a write with a lower epoch changes nothing.
   */
  readonly epoch: number;
  readonly status: TaskStatus;
  readonly type: TaskType;
  /** 0 to 2. The highest goes first. */
  readonly priority: number;
  readonly params: TaskParams;
  /** The resolved workflow's name, its version (a hash of its content) and its parameters. */
  readonly workflow: string;
  readonly workflowVersion: string;
  readonly parameters: { readonly [name: string]: Json };
  /** Which variant of the workflow a server took: a later prompt is of the same one. Absent: none yet, or it has none. */
  readonly variant?: string;
  /** Whose it is; absent: of the tenant `default`. */
  readonly tenant?: string;
  readonly idempotencyKey?: string;
  /** The client's own marks; absent: none. */
  readonly labels?: Labels;
  /** The task that this one repeats. */
  readonly retryOf?: string;
  /** Who is told of its events; absent: nobody. */
  readonly webhook?: Webhook;

  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The task is not run before this time. A client or the pause of a retry sets it. */
  readonly dueAt: Date;
  /** A chunk's place in the queue, which does not keep it from being run before; absent: `dueAt`. */
  readonly turnAt?: Date;
  readonly notBefore?: Date;
  readonly finishedAt?: Date;

  /** From 1; grows when a fault of the task or a passing fault is retried. */
  readonly attempt: number;
  /** How often the task changed hands because of a server's fault or a dead holder. */
  readonly takeovers: number;
  readonly attempts: readonly Attempt[];
  /**
   * How often younger tasks went first because their workflow was already loaded, and since when.
   */
  readonly bypassCount: number;
  readonly firstBypassedAt?: Date;

  readonly stages: { readonly [name in StageName]?: Stage };
  /** 0 to 100, over all stages. */
  readonly progress: number;
  readonly runningNode?: string;
  readonly input?: InputFacts;
  /** What was done beyond the request, at most {@link MAX_NOTES}. Absent: nothing. */
  readonly notes?: readonly string[];

  readonly lease?: Lease;
  /** The slot that the task holds: `server#n`. */
  readonly slot?: string;
  readonly dispatch?: Dispatch;
  /** Its prompts that ran out of memory, in their order: what comes next depends on them. */
  readonly memoryFailures?: readonly MemoryFailure[];
  /** Its chunks in short, where it is a film that runs as several. */
  readonly film?: FilmState;
  /** Which part of which film it is: such a task is no client's. */
  readonly chunk?: Chunk;
  /** `off`: the film runs as one prompt. */
  readonly chunking?: "off";
  /** Its first failure of this kind: the next one is the task's fault. */
  readonly unclearFailure?: UnclearFailure;
  /**
   * A canceled task whose prompt or slot is not known to be free yet, or an ended film whose chunks
   * and objects are not known to be gone yet.
   */
  readonly cleanupPending?: boolean;

  /** The object storage's own data for resuming an upload. */
  readonly uploadCheckpoint?: Json;
  readonly outputs?: readonly Output[];
  readonly error?: TaskFailure;
}

/** A chunk of a film: a task with the part of the film that it is. */
export interface ChunkTask extends Task {
  readonly chunk: Chunk;
}

/** For each status, the statuses that may follow it. */
const TRANSITIONS: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  pending: ["processing", "canceled", "failed"],
  processing: ["pending", "completed", "failed", "canceled"],
  completed: [],
  failed: [],
  canceled: [],
};

/** Whether a status is final. */
export function isTerminal(status: TaskStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** Whether a task may go from status `from` to status `to`. */
export function mayBecome(from: TaskStatus, to: TaskStatus): boolean {
  return TRANSITIONS[from].includes(to);
}
