import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../lib/error-code.js";
import type { Logger } from "../lib/logger.js";
import { WorkDirs } from "./work-dir.js";

/** No network brings more in a millisecond. While less than it could bring meanwhile is left, what was measured counts. */
const BYTES_PER_MS = 2 ** 21;
/** ...but no longer than this: a link brings a whole film at once. */
const MEASURED_FOR_MS = 2_000;

/**
 * Limits the disk space of work directories: no more tasks are begun before the disk is full.
 * Unfinished uploads, which are kept beside them, have a limit of their own.
 */
export class WorkSpace {
  readonly #root: string;
  readonly #workDirs: WorkDirs;
  readonly #maxBytes: number;
  readonly #logger: Logger;
  #isFull = false;
  #measuredBytes = Number.POSITIVE_INFINITY;
  #measuredAtMs = 0;

  /** @param root holds the work directories, see `WorkDirs`. */
  constructor(root: string, maxBytes: number, logger: Logger) {
    this.#root = root;
    this.#workDirs = new WorkDirs(root);
    this.#maxBytes = maxBytes;
    this.#logger = logger;
  }

  /**
   * Whether another task may fetch its input. Tasks under way go on growing whatever this answers. It
   * measures anew, which is a few files for each task, unless there was more room than can be full by now.
   */
  async hasRoom(): Promise<boolean> {
    const ageMs = performance.now() - this.#measuredAtMs;
    const leftBytes = this.#maxBytes - this.#measuredBytes;
    if (ageMs < MEASURED_FOR_MS && ageMs * BYTES_PER_MS < leftBytes) return true;
    const taskIds = await this.#workDirs.leftovers();
    const sizes = await Promise.all(taskIds.map((taskId) => sizeOf(join(this.#root, taskId))));
    const usedBytes = sizes.reduce((sum, size) => sum + size, 0);
    this.#measuredBytes = usedBytes;
    this.#measuredAtMs = performance.now();
    const isFull = usedBytes >= this.#maxBytes;
    if (isFull && !this.#isFull)
      this.#logger.warn(
        { usedBytes, maxBytes: this.#maxBytes },
        "work directories are full, nothing more is begun until tasks have ended",
      );
    this.#isFull = isFull;
    return !isFull;
  }
}

/** The size of all files below a directory. A file that disappears meanwhile does not count. */
async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(noneIfGone);
  const sizes = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return await sizeOf(path);
    return await stat(path).then(({ size }) => size, zeroIfGone);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function noneIfGone(error: unknown): [] {
  if (errorCode(error) === "ENOENT") return [];
  throw error;
}

function zeroIfGone(error: unknown): number {
  if (errorCode(error) === "ENOENT") return 0;
  throw error;
}
