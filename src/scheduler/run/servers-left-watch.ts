import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { isUp } from "../../pool/server/server-fit.js";

/** What a {@link ServersLeftWatch} looks at. */
export interface ServersLeftWatchOptions {
  readonly pool: Pool;
  /** The servers that a task waits for; undefined: any. */
  readonly left: () => readonly PoolServer[] | undefined;
  /** How long none of them may be up. */
  readonly limitMs: number;
  /** Why the task is waited for no longer. */
  readonly reason: (left: readonly PoolServer[]) => Error;
}

/** Notices that a task waits in vain: no server is left for it, or none of them comes up. */
export class ServersLeftWatch implements Disposable {
  readonly #options: ServersLeftWatchOptions;
  readonly #controller = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ServersLeftWatchOptions) {
    this.#options = options;
    this.#unsubscribe = options.pool.subscribe(() => this.#look());
    this.#look();
  }

  /** Aborted with the reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #look(): void {
    const left = this.#options.left();
    if (left?.length === 0) {
      this.#end();
    } else if (left === undefined || left.some(isUp)) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setTimeout(() => this.#end(), this.#options.limitMs);
    }
  }

  #end(): void {
    const { left, reason } = this.#options;
    this.#controller.abort(reason(left() ?? []));
  }
}
