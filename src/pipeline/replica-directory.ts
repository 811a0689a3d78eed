import { randomUUID } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";

/** The form of a replica directory's name. */
export const REPLICA_NAME = /^replica-[0-9a-f-]{36}$/;
/** The file in each replica directory that its process touches as long as it lives. */
export const SIGN_OF_LIFE = "alive";

/** How often a process touches its file; others wait for many times that. */
const BEAT_MS = 5_000;

/**
 * A directory for the scratch files of this process alone, as long as it lives. It lies below a
 * directory that other replicas may share. Its name was never used before, so nobody else ever
 * writes here. It has a sign of life, so that others can remove it when this process has died.
 */
export class ReplicaDirectory implements AsyncDisposable {
  readonly path: string;
  readonly #logger: Logger;
  readonly #beating: AsyncDisposable;

  private constructor(path: string, logger: Logger) {
    this.path = path;
    this.#logger = logger;
    const onError = (error: unknown): void =>
      logger.warn({ err: error, path }, "no sign of life in the work directory");
    this.#beating = repeat(() => this.beat(), { pauseMs: BEAT_MS, onError });
  }

  /** @param root where all replicas have their directories; made if it does not exist */
  static async open(root: string, logger: Logger): Promise<ReplicaDirectory> {
    const path = join(root, `replica-${randomUUID()}`);
    await makeAlive(path);
    return new ReplicaDirectory(path, logger);
  }

  get name(): string {
    return basename(this.path);
  }

  /**
   * Shows that this process lives. Makes the directory anew if others removed it as a dead
   * replica's.
   */
  async beat(): Promise<void> {
    const now = new Date();
    try {
      // The file is touched, not written: a full disk would not allow that.
      await utimes(join(this.path, SIGN_OF_LIFE), now, now);
    } catch {
      await makeAlive(this.path);
      this.#logger.warn({ path: this.path }, "the work directory was gone, as after a long pause");
    }
  }

  /** Removes the directory with all that is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#beating[Symbol.asyncDispose]();
    await rm(this.path, { recursive: true, force: true });
  }
}

async function makeAlive(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, SIGN_OF_LIFE), "");
}
