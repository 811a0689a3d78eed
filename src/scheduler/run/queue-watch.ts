import { endsSoon } from "../../pool/learned/ends-soon.js";
import type { Pool, SlotRequest } from "../../pool/pool.js";
import { Reservation } from "../../pool/reservation.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { isIdle } from "../../pool/server/server-fit.js";

/** Why a prompt is no longer followed: it should not wait any longer in its server's queue. */
export class LeaveQueue extends Error {
  override readonly name = "LeaveQueue";
  /** A slot on a better server; absent: any other server is better. */
  readonly reservation: Reservation | undefined;

  constructor(message: string, reservation?: Reservation) {
    super(message);
    this.reservation = reservation;
  }
}

/** Where a prompt was seen. */
interface Sighting {
  readonly state: string;
  /** The prompt that runs, behind which it waits. */
  readonly aheadId?: string;
}

/**
 * Watches over a prompt that waits behind another one: it should leave where its server is stuck by a
 * prompt that neither ends nor lets itself be stopped; and where another server is idle and can run
 * it, in the task's turn among those that wait for a server, unless the one ahead is about to end.
 */
export class QueueWatch implements Disposable {
  readonly #pool: Pool;
  readonly #server: PoolServer;
  readonly #request: SlotRequest;
  readonly #leave = new AbortController();
  readonly #unsubscribe: () => void;
  #isIgnored = false;
  #search: AbortController | undefined;
  #aheadId = "";
  #reservation: Reservation | undefined;

  constructor(pool: Pool, server: PoolServer, request: SlotRequest) {
    this.#pool = pool;
    this.#server = server;
    this.#request = request;
    this.#unsubscribe = pool.subscribe(() => this.#lookForStuck());
    this.#lookForStuck();
  }

  /** Aborted with a {@link LeaveQueue}; undefined once that is ignored. */
  get signal(): AbortSignal | undefined {
    return this.#isIgnored ? undefined : this.#leave.signal;
  }

  /** Tells where the prompt was seen. */
  noteSighting({ aheadId }: Sighting): void {
    if (aheadId === undefined || this.#isIgnored) this.#endSearch();
    else if (this.#search === undefined) this.#beginSearch();
    this.#aheadId = aheadId ?? "";
  }

  /** From now on the prompt stays where it is. */
  ignore(): void {
    this.#isIgnored = true;
    this[Symbol.dispose]();
  }

  /** Ends the watch, and frees the slot that was kept unless it was handed over. */
  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#endSearch();
    this.#reservation?.[Symbol.dispose]();
  }

  #lookForStuck(): void {
    const { id, health } = this.#server;
    if (health.stuckPromptIds.size === 0) return;
    this.#leave.abort(new LeaveQueue(`Server "${id}" is stuck: another prompt on it does not end`));
  }

  #beginSearch(): void {
    const search = new AbortController();
    this.#search = search;
    const request = { ...this.#request, suits: (server: PoolServer) => this.#suits(server) };
    Reservation.make(this.#pool, request, search.signal).then(
      (reservation) => this.#keep(reservation, search.signal),
      // It fails by its signal alone.
      () => undefined,
    );
  }

  #endSearch(): void {
    this.#search?.abort(new Error("No other server is looked for any more"));
    this.#search = undefined;
  }

  #keep(reservation: Reservation, signal: AbortSignal): void {
    if (signal.aborted) {
      reservation[Symbol.dispose]();
      return;
    }
    this.#reservation = reservation;
    this.#leave.abort(new LeaveQueue("Another server could begin the prompt at once", reservation));
  }

  #suits(other: PoolServer): boolean {
    const nowMs = performance.now();
    if (other === this.#server || !isIdle(other, nowMs)) return false;
    if (this.#request.suits?.(other) === false) return false;
    return !endsSoon(this.#server, this.#aheadId, this.#pool.learned, nowMs);
  }
}
