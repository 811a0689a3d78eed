import type { Task } from "../domain/task.js";
import type { Logger } from "../lib/logger.js";
import type { Fence, HeartbeatResult, ProgressReport, TaskStore } from "../store/task-store.js";
import { Holding, type LeaseProof } from "./holding.js";

/** Options of the keeper. */
export interface LeaseKeeperOptions {
  readonly store: TaskStore;
  readonly owner: string;
  readonly leaseMs: number;
  /** How often progress goes up. @default 250 */
  readonly progressMs?: number;
  readonly logger: Logger;
}

/** A lease renewed within this share of its length is good for an effect that must not happen twice. */
const FRESH_SHARE = 0.5;
const RENEW_SHARE = 1 / 3;

/**
 * Keeps the leases of this process. Two things go up in one call: progress, as soon as there is any
 * but at most every `progressMs`; and a renewal of every lease, three times within its length. What
 * comes down: tasks that were lost or canceled, whose holdings end. When the store cannot be reached
 * holdings live on for as long as their lease can be proven, and end before anyone else may begin.
 */
export class LeaseKeeper implements LeaseProof, Disposable {
  readonly #options: LeaseKeeperOptions;
  readonly #holdings = new Map<string, Holding>();
  readonly #timer: NodeJS.Timeout;
  #lastRenewalMs = performance.now();
  #beating: Promise<void> | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const shortest = Math.min(options.progressMs ?? 250, options.leaseMs * RENEW_SHARE);
    this.#timer = setInterval(() => this.#tick(), shortest);
  }

  /** Starts keeping the lease of a task that was just leased. */
  hold(task: Task): Holding {
    this.#holdings.get(task.taskId)?.end("lost");
    const holding = new Holding(task, this.#options.store, this);
    this.#holdings.set(task.taskId, holding);
    return holding;
  }

  /** Stops keeping it. Keyed by the holding, not the task: a newer one of the same task stays. */
  drop(holding: Holding): void {
    if (this.#holdings.get(holding.taskId) === holding) this.#holdings.delete(holding.taskId);
  }

  holding(taskId: string): Holding | undefined {
    return this.#holdings.get(taskId);
  }

  /** Whether a lease may have run out unnoticed, as after a pause of the whole process. */
  get hasStale(): boolean {
    const oldestMs = performance.now() - this.#options.leaseMs * FRESH_SHARE;
    return [...this.#holdings.values()].some((holding) => holding.renewedAtMs < oldestMs);
  }

  async prove(holding: Holding): Promise<void> {
    const ageMs = performance.now() - holding.renewedAtMs;
    if (ageMs < this.#options.leaseMs * FRESH_SHARE) return;
    await this.renewAll();
    if (performance.now() - holding.renewedAtMs >= this.#options.leaseMs * FRESH_SHARE)
      holding.end("lost");
  }

  /** Renews every lease now. Call before looking for expired ones: after a pause of the process they may be our own. */
  async renewAll(): Promise<void> {
    await this.#beating;
    await this.#beat([...this.#holdings.values()]);
    this.#lastRenewalMs = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#beating !== undefined) return;
    const isDue =
      performance.now() - this.#lastRenewalMs >= this.#options.leaseMs * RENEW_SHARE - 50;
    const all = [...this.#holdings.values()];
    const chosen = isDue ? all : all.filter((holding) => holding.hasNews);
    if (isDue) this.#lastRenewalMs = performance.now();
    if (chosen.length === 0) return;
    this.#beating = this.#beat(chosen).finally(() => {
      this.#beating = undefined;
    });
  }

  async #beat(holdings: readonly Holding[]): Promise<void> {
    if (holdings.length === 0) return;
    const { store, owner, leaseMs, logger } = this.#options;
    const sentAtMs = performance.now();
    const reports = holdings.map(
      (holding): ProgressReport => holding.takeReport() ?? holding.fence,
    );
    try {
      this.#take(await store.heartbeat(owner, leaseMs, reports), holdings, sentAtMs);
    } catch (error) {
      logger.warn({ err: error, taskCount: holdings.length }, "heartbeat failed");
      this.#endExpired();
    }
  }

  #take(result: HeartbeatResult, holdings: readonly Holding[], sentAtMs: number): void {
    for (const holding of holdings) holding.renewedAtMs = sentAtMs;
    for (const fence of result.lost) this.#find(fence)?.end("lost");
    for (const fence of result.canceled) this.#find(fence)?.end("canceled");
  }

  #find(fence: Fence): Holding | undefined {
    const holding = this.#holdings.get(fence.taskId);
    return holding?.fence.epoch === fence.epoch ? holding : undefined;
  }

  #endExpired(): void {
    const nowMs = performance.now();
    for (const holding of this.#holdings.values())
      if (nowMs - holding.renewedAtMs > this.#options.leaseMs * 0.9) holding.end("lost");
  }
}
