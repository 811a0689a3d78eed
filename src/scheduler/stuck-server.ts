import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";

/**
 * Why a prompt is no longer followed: another prompt on its server neither ends nor can be stopped.
 */
export class ServerStuck extends Error {
  override readonly name = "ServerStuck";
}

/** Notices that a server is stuck behind a prompt that never ends. */
export class StuckServerWatch implements Disposable {
  readonly #controller = new AbortController();
  readonly #unsubscribe: () => void;
  #signal: AbortSignal | undefined = this.#controller.signal;

  constructor(pool: Pool, server: PoolServer) {
    const look = (): void => {
      if (server.stuckPromptIds.size === 0) return;
      const message = `Server "${server.id}" is stuck: another prompt on it does not end`;
      this.#controller.abort(new ServerStuck(message));
    };
    this.#unsubscribe = pool.subscribe(look);
    look();
  }

  /** Aborted with a {@link ServerStuck}; undefined once the watch ignores it. */
  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  /** From now on a stuck server is ignored. */
  ignore(): void {
    this.#signal = undefined;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}
