import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../lib/error-code.js";
import type { Logger } from "../lib/logger.js";
import { REPLICA_NAME, SIGN_OF_LIFE } from "./replica-directory.js";

/** After how many looks without a new sign of life a process counts as dead. */
const SILENT_LOOKS = 10;
/**
 * The name of a directory that is being removed. If its remover dies, the next one removes the
 * rest.
 */
const GONE_NAME = /^gone-[0-9a-f-]{36}$/;

/** What was last seen of a replica directory. */
interface Seen {
  readonly sign: string;
  readonly lookCount: number;
}

/**
 * Removes the directories of replicas that died, see `ReplicaDirectory`. A sign of life is compared
 * with the one before and never with a clock, since the clocks of machines that share a disk
 * differ. Looks are counted, not time: this process may have stood still together with those that
 * it looks at. Any number of replicas may look at the same time.
 */
export class GoneReplicas {
  readonly #root: string;
  readonly #ownName: string;
  readonly #logger: Logger;
  #seen: ReadonlyMap<string, Seen> = new Map();

  constructor(root: string, ownName: string, logger: Logger) {
    this.#root = root;
    this.#ownName = ownName;
    this.#logger = logger;
  }

  /**
   * Looks once, and removes the directories that have shown no sign of life at the looks before.
   */
  async look(): Promise<void> {
    const names = await readdir(this.#root);
    const others = names.filter((name) => REPLICA_NAME.test(name) && name !== this.#ownName);
    const seen = await Promise.all(
      others.map(async (name) => [name, await this.#see(name)] as const),
    );
    this.#seen = new Map(seen);
    for (const [name, { lookCount }] of seen)
      if (lookCount > SILENT_LOOKS) await this.#putAside(name);
    for (const name of await readdir(this.#root))
      if (GONE_NAME.test(name)) await rm(join(this.#root, name), { recursive: true, force: true });
  }

  async #see(name: string): Promise<Seen> {
    const sign = await this.#signOf(name);
    const last = this.#seen.get(name);
    return { sign, lookCount: last?.sign === sign ? last.lookCount + 1 : 1 };
  }

  async #signOf(name: string): Promise<string> {
    const path = join(this.#root, name, SIGN_OF_LIFE);
    try {
      return String((await stat(path, { bigint: true })).mtimeNs);
    } catch (error) {
      // A sign that cannot be read never equals the one before.
      return errorCode(error) === "ENOENT" ? "none" : randomUUID();
    }
  }

  /**
   * Renames a directory in one step. If its process comes back, it makes a new directory, of which
   * nothing is removed.
   */
  async #putAside(name: string): Promise<void> {
    try {
      await rename(join(this.#root, name), join(this.#root, `gone-${randomUUID()}`));
      this.#logger.info({ name }, "work directory of a replica that is gone removed");
    } catch (error) {
      // Another replica was faster.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
}
