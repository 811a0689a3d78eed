import type { DisposalStack } from "../../lib/disposal-stack.js";
import type { Logger } from "../../lib/logger.js";
import { repeat } from "../../lib/repeat.js";
import { GoneReplicas } from "../../pipeline/gone-replicas.js";
import { ReplicaDirectory } from "../../pipeline/replica-directory.js";
import { WorkDirs } from "../../pipeline/work-dir.js";
import type { FilmQueue } from "../../store/film-queue.js";
import { removeLeftovers } from "./remove-leftovers.js";
import { tidyFormerDirectories } from "./tidy-former-directories.js";

/** Where scratch files are kept. */
export interface WorkOptions {
  readonly root: string;
  /** Whether other replicas may keep their scratch files there too. */
  readonly isShared: boolean;
  readonly leaseMs: number;
  readonly store: Pick<FilmQueue, "getUnit">;
  readonly logger: Logger;
}

/**
 * The pause between two looks, unless a lease is longer: a replica without a sign of life for ten
 * looks has lost its tasks.
 */
const LOOK_MS = 60_000;
const MAX_PAUSE_MS = 900_000;

/**
 * Opens the directory for the scratch files of this process. Until it is closed, the files of tasks
 * that have ended are removed from it at intervals, and so are the directories of replicas that are
 * gone.
 *
 * @returns its path.
 */
export async function openWork(options: WorkOptions, opened: DisposalStack): Promise<string> {
  const { root, isShared, store, leaseMs, logger } = options;
  const own = isShared ? opened.use(await ReplicaDirectory.open(root, logger)) : undefined;
  const path = own?.path ?? root;
  const gone = own && new GoneReplicas(root, own.name, logger);
  const sweep = async (signal: AbortSignal): Promise<void> => {
    await gone?.look();
    if (isShared) await tidyFormerDirectories(root, store, signal);
    await removeLeftovers(new WorkDirs(path), store, signal);
  };
  const pauseMs = Math.max(LOOK_MS, leaseMs);
  const onError = (error: unknown): void => logger.warn({ err: error }, "leftovers not removed");
  opened.use(repeat(sweep, { firstPauseMs: 0, pauseMs, maxPauseMs: MAX_PAUSE_MS, onError }));
  return path;
}
