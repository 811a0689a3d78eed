import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { untouchedFor } from "../../pipeline/untouched-for.js";
import { WorkDirs } from "../../pipeline/work-dir.js";
import type { FilmQueue } from "../../store/film-queue.js";
import { removeLeftovers } from "./remove-leftovers.js";

/**
 * The directory of a replica as version 0.1.0 named it: after host and port. Nothing tells whether
 * that replica is alive.
 */
const FORMER_NAME = /-\d{1,5}$/;
const UPLOADS = "uploads";
/** A replica of that version may still be at work while the others are updated. */
const UNTOUCHED_MS = 24 * 3_600_000;

/**
 * Removes the useless files in the directories of replicas that version 0.1.0 ran: work directories
 * of tasks that have ended, and remains of files that clients were sending. Removes directories
 * that are then empty.
 */
export async function tidyFormerDirectories(
  root: string,
  store: Pick<FilmQueue, "getUnit">,
  signal: AbortSignal,
): Promise<void> {
  for (const name of await readdir(root)) {
    if (!FORMER_NAME.test(name)) continue;
    const path = join(root, name);
    await removeLeftovers(new WorkDirs(path), store, signal, UNTOUCHED_MS);
    const uploads = join(path, UPLOADS);
    if ((await untouchedFor(uploads)) >= UNTOUCHED_MS)
      await rm(uploads, { recursive: true, force: true });
    // Fails where something is left in it.
    await rmdir(path).catch(() => undefined);
  }
}
