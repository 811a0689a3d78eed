import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../lib/error-code.js";
import type { Logger } from "../lib/logger.js";
import { REPLICA_NAME, SIGN_OF_LIFE } from "./replica-directory.js";

/** Looks without a new sign of life, after which a process counts as dead. */
const SILENT_LOOKS = 10;
/** A directory that is being removed; what its remover left when it died, the next one removes. */
const GONE_NAME = /^gone-[0-9a-f-]{36}$/;

/** What was last seen of a replica directory. */
interface Seen {
  readonly sign: string;
  readonly lookCount: number;
}

/**
 * Removes the directories of replicas that died, see `ReplicaDirectory`. A sign of life is compared
 * with the one before and never with a clock, since clocks differ between the machines that share a
 * disk; and looks are counted, not time, since this process may have stood still itself, together
 * with those it looks at. Any number of replicas may look at the same time.
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

  /** Looks once, and removes what has shown no sign of life at the looks before. */
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
      // What cannot be told is never the same as before.
      return errorCode(error) === "ENOENT" ? "none" : randomUUID();
    }
  }

  /** In one step: its process, should it come back, makes a new one, of which nothing is removed. */
  async #putAside(name: string): Promise<void> {
    try {
      await rename(join(this.#root, name), join(this.#root, `gone-${randomUUID()}`));
      this.#logger.info({ name }, "work directory of a replica that is gone removed");
    } catch (error) {
      // Another was faster.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
}
