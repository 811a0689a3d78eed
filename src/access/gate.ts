import type { Caller } from "../domain/caller.js";
import { TaskError } from "../domain/errors.js";
import type { FailedTries } from "./failed-tries.js";
import type { KeyRing } from "./key-ring.js";

/** Says who calls, by the key that a request came with. */
export class Gate {
  readonly #ring: Pick<KeyRing, "find" | "findNew">;
  readonly #tries: FailedTries;

  constructor(ring: Pick<KeyRing, "find" | "findNew">, tries: FailedTries) {
    this.#ring = ring;
    this.#tries = tries;
  }

  /**
   * @param key undefined: the request came without one.
   * @param address where the request came from.
   * @returns undefined for a request without a key: it is for what is open to all.
   * @throws TaskError UNAUTHENTICATED, TOO_MANY_TRIES.
   */
  async identify(key: string | undefined, address: string): Promise<Caller | undefined> {
    if (key === undefined) return undefined;
    const known = this.#ring.find(key);
    if (known) return known;
    this.#tries.check(address);
    const found = await this.#ring.findNew(key);
    if (found) return found;
    this.#tries.note(address);
    throw new TaskError(
      "UNAUTHENTICATED",
      "Cannot serve the request: the key is not known, was revoked or has expired",
    );
  }
}
