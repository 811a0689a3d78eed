import type { ColourDepth } from "../../domain/colour-depth.js";
import type { RetryLimits } from "../../domain/retry-policy.js";
import type { Logger } from "../../lib/logger.js";
import type { Semaphore } from "../../lib/semaphore.js";
import type { DownloadContext } from "../../pipeline/download-stage.js";
import type { Patience } from "../../pipeline/film/patiently.js";
import type { UploadContext } from "../../pipeline/upload-stage.js";
import type { WorkDirs } from "../../pipeline/work-dir.js";
import type { WorkSpace } from "../../pipeline/work-space.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { FilmQueue } from "../../store/film-queue.js";
import type { TaskQueue } from "../../store/task-queue.js";
import type { TaskReading } from "../../store/task-reading.js";
import type { WorkflowArchive } from "../../store/workflow-archive.js";
import type { WorkflowCatalog } from "../../workflow/catalog/catalog.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { HeldTask } from "../lease/held-task.js";

/**
 * What a run is doing: fetching its input, waiting for a slot, with its prompt on a server, storing its
 * result, keeping it until the storage works again, or cleaning up; with a film of several chunks also
 * cutting it, and joining what its chunks made.
 */
export type RunPhase =
  | "download"
  | "waiting"
  | "process"
  | "upload"
  | "kept"
  | "cut"
  | "join"
  | "cleanup";

/** What runs of films work with. */
export interface FilmContext {
  /** Frames of a chunk at most; absent: as the servers' memory has it. */
  readonly chunkFrames?: number;
  /** Films that are cut at the same time. */
  readonly cuts: Semaphore;
  /** Whether what is there of a film is shown while it runs. */
  readonly hasPreviews: boolean;
  readonly workSpace: Pick<WorkSpace, "hasRoom">;
  /** Whether anything else runs here than cutting: it makes room in the work space. */
  readonly isBusy: () => boolean;
  /** How long a storage that fails is waited for. */
  readonly patience: Patience;
}

/** Keeps a small picture of each input. */
export interface InputPictures {
  /** Never rejects, and has a limit of its own. */
  keepInput(taskId: string, path: string, signal: AbortSignal): Promise<void>;
}

/** What every run works with. */
export interface RunContext {
  readonly store: TaskReading & TaskQueue & FilmQueue & WorkflowArchive;
  readonly pool: Pool;
  readonly upload: UploadContext;
  readonly workDirs: WorkDirs;
  readonly catalog: WorkflowCatalog;
  readonly download: DownloadContext;
  readonly previews: InputPictures;
  readonly uploads: Semaphore;
  readonly films: FilmContext;
  readonly stallMs: number;
  /** No silence is shorter than this to be too long, whatever was learned. */
  readonly stallMinMs: number;
  readonly serverLostMs: number;
  readonly runMaxMs?: number;
  readonly limits: RetryLimits;
  /** Called when a run enters its next phase: there may be room for others in the former one. */
  readonly onPhase: () => void;
  readonly logger: Logger;
}

/** What the steps of a run see of it. */
export interface RunState {
  readonly heldTask: HeldTask;
  /** The server that has its prompt or will get it; undefined while there is none, or it is not configured. */
  readonly server: PoolServer | undefined;
  /** The workflow that it runs; undefined until it is known. */
  readonly workflow: Workflow | undefined;
  /** The small picture of its input while it is made, and after that. It never rejects. */
  readonly picture: Promise<void> | undefined;
  /** Its result while it is fetched before it is asked for, and after that. It never rejects. */
  readonly fetched: Promise<void> | undefined;
  /** What is to be kept of its colours, as far as it was found out by now. */
  readonly depth: ColourDepth | undefined;
  phase: RunPhase;
  /** When the last chunk of the film ended that it joins, by the store's clock. */
  chunksEndedAt?: Date;
  /** Whether a server will do for the task. */
  suits(server: PoolServer): boolean;
}
