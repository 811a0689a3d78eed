import type { Pool, SlotRequest, SlotTaker } from "./pool.js";
import type { PoolServer } from "./server/pool-server.js";

/** Keeps a slot for a task of this process that cannot bind it yet; nothing of it is in the store. */
export class Reservation implements SlotTaker, Disposable {
  readonly #pool: Pool;
  readonly #for: SlotTaker;
  #slot: string | undefined;

  private constructor(pool: Pool, holder: SlotTaker) {
    this.#pool = pool;
    this.#for = holder;
  }

  /** Waits until the pool has a slot for a task, in its turn. @throws the signal's reason when aborted. */
  static async make(pool: Pool, request: SlotRequest, signal: AbortSignal): Promise<Reservation> {
    const reservation = new Reservation(pool, request.holder);
    try {
      await pool.acquire({ ...request, holder: reservation }, signal);
      return reservation;
    } catch (error) {
      reservation[Symbol.dispose]();
      throw error;
    }
  }

  get taskId(): string {
    return this.#for.taskId;
  }

  get workflow(): string {
    return this.#for.workflow;
  }

  get sent(): Promise<void> {
    return this.#for.sent;
  }

  get timed(): SlotTaker["timed"] {
    return this.#for.timed;
  }

  async bindSlot(slot: string): Promise<"ok"> {
    this.#slot = slot;
    return "ok";
  }

  /**
   * Lets the task bind the slot that was kept for it.
   *
   * @returns its server; undefined if another process was faster.
   */
  async handOver(): Promise<PoolServer | undefined> {
    if (this.#slot === undefined) return undefined;
    if ((await this.#for.bindSlot(this.#slot)) === "ok")
      return this.#pool.adopt(this.#slot, this.#for);
    this[Symbol.dispose]();
    return undefined;
  }

  /** Frees the slot for others, unless it was handed over. */
  [Symbol.dispose](): void {
    if (this.#slot !== undefined) this.#pool.release(this.#slot, this);
  }
}
