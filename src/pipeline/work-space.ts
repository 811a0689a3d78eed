import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../lib/error-code.js";
import type { Logger } from "../lib/logger.js";

/** For so long a measurement is believed: the scheduler asks many times a second. */
const MEASURE_INTERVAL_MS = 250;

/** What the work directories may take on the disk, so that no more is begun before the disk is full. */
export class WorkSpace {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #logger: Logger;
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #isFull = false;

  /** @param root holds the work directories, see `WorkDirs`. */
  constructor(root: string, maxBytes: number, logger: Logger) {
    this.#root = root;
    this.#maxBytes = maxBytes;
    this.#logger = logger;
  }

  /** Whether another task may bring its input. What is under way goes on growing whatever this says. */
  async hasRoom(): Promise<boolean> {
    if (performance.now() - this.#measuredAtMs >= MEASURE_INTERVAL_MS) await this.#measure();
    return !this.#isFull;
  }

  async #measure(): Promise<void> {
    const usedBytes = await sizeOf(this.#root);
    this.#measuredAtMs = performance.now();
    const isFull = usedBytes >= this.#maxBytes;
    if (isFull && !this.#isFull)
      this.#logger.warn(
        { usedBytes, maxBytes: this.#maxBytes },
        "work directories are full, nothing more is begun until tasks have ended",
      );
    this.#isFull = isFull;
  }
}

/** Of all files below a directory; those that go meanwhile count as gone. */
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
