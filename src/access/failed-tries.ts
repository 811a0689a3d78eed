import { TaskError } from "../domain/errors.js";

const WINDOW_MS = 60_000;
/** More addresses than this are forgotten, those first that failed first. */
const MAX_ADDRESSES = 10_000;

interface Tries {
  count: number;
  readonly sinceMs: number;
}

/**
 * Limits what one address may try with bad keys in a minute. A good key is never kept out, so that
 * nobody behind the same gateway is. Each replica counts for itself.
 */
export class FailedTries {
  readonly #byAddress = new Map<string, Tries>();
  readonly #maxTries: number;
  readonly #now: () => number;

  /** @param now milliseconds of any steady clock. */
  constructor(maxTries: number, now: () => number = () => performance.now()) {
    this.#maxTries = maxTries;
    this.#now = now;
  }

  /** @throws TaskError TOO_MANY_TRIES for an address that failed too often. */
  check(address: string): void {
    const tries = this.#of(address);
    if (tries === undefined || tries.count < this.#maxTries) return;
    const retryAfterMs = WINDOW_MS - (this.#now() - tries.sinceMs);
    const message = "Cannot serve the request: too many bad keys came from its address";
    throw new TaskError("TOO_MANY_TRIES", message, { retryAfterMs });
  }

  note(address: string): void {
    const tries = this.#of(address);
    if (tries) {
      tries.count += 1;
      return;
    }
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { count: 1, sinceMs: this.#now() });
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > MAX_ADDRESSES && oldest !== undefined)
      this.#byAddress.delete(oldest);
  }

  #of(address: string): Tries | undefined {
    const tries = this.#byAddress.get(address);
    return tries && this.#now() - tries.sinceMs < WINDOW_MS ? tries : undefined;
  }
}
