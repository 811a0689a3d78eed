import { randomUUID } from "node:crypto";
import type { Task } from "../../domain/task.js";
import type { Logger } from "../../lib/logger.js";
import { repeat } from "../../lib/repeat.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import type { Duties } from "../../store/duties.js";
import type { TaskReading } from "../../store/task-reading.js";

/** What the sweeper of previews works with. */
export interface PreviewSweeperOptions {
  readonly store: Pick<TaskReading, "get"> & Duties;
  readonly storage: Pick<ObjectStorage, "list" | "remove">;
  /** How long a film's preview is kept after its end. */
  readonly previewMs: number;
  readonly now: () => number;
}

const DUTY = "previews";
const ROOT = "previews/";
const PAUSE_MS = 60_000;
/** The longest pause while the storage or the store is down. */
const MAX_PAUSE_MS = 900_000;
/** After this a sweep begins nothing more. */
const SWEEP_LIMIT_MS = 60_000;
const DUTY_LEASE_MS = 2 * SWEEP_LIMIT_MS;

/**
 * Removes the previews of films that ended long enough ago, and of those that are gone. One process at
 * a time sweeps; two at once would be harmless.
 *
 * @throws any error of the storage or the store: the next sweep goes on.
 */
export async function sweepPreviews(
  options: PreviewSweeperOptions,
  owner: string,
  signal: AbortSignal,
): Promise<void> {
  const { store, storage } = options;
  if (!(await store.leaseDuty(DUTY, owner, DUTY_LEASE_MS))) return;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(SWEEP_LIMIT_MS)]);
  const isOver = new Map<string, boolean>();
  try {
    for await (const { key } of storage.list(ROOT, limited)) {
      const film = key.slice(ROOT.length).split("/", 1)[0] ?? "";
      const known = isOver.get(film) ?? isPast(await store.get(film), options);
      isOver.set(film, known);
      if (known) await storage.remove(key, limited);
    }
  } finally {
    // If the store is down, the lease of the duty runs out instead.
    await store.leaseDuty(DUTY, owner, 0).catch(() => undefined);
  }
}

function isPast(task: Task | undefined, { previewMs, now }: PreviewSweeperOptions): boolean {
  if (task === undefined) return true;
  return task.finishedAt !== undefined && now() >= task.finishedAt.getTime() + previewMs;
}

/** Sweeps every minute or so until it is disposed, less often while nothing can be removed. */
export function repeatPreviewSweeps({
  logger,
  ...options
}: PreviewSweeperOptions & { readonly logger: Logger }): AsyncDisposable {
  const owner = randomUUID();
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, "old previews not removed, trying again");
  const pauses = { pauseMs: PAUSE_MS, maxPauseMs: MAX_PAUSE_MS };
  return repeat((signal) => sweepPreviews(options, owner, signal), { ...pauses, onError });
}
