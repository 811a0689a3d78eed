import type { Task } from "../../domain/task.js";
import type { Logger } from "../../lib/logger.js";
import type { Fence, HeartbeatResult, ProgressReport } from "../../store/task-queue.js";
import { HeldTask, type HeldTaskContext, type LeaseProof } from "./held-task.js";

/** Options of the keeper. */
export interface LeaseKeeperOptions extends Omit<HeldTaskContext, "proof"> {
  readonly owner: string;
  /** How often progress is written to the store, in milliseconds. @default 250 */
  readonly progressMs?: number;
  readonly logger: Logger;
}

/** A lease renewed within this share of its length allows an effect that must not happen twice. */
const FRESH_SHARE = 0.5;
const RENEW_SHARE = 1 / 3;

/**
 * Keeps the leases of this process. One call writes two things to the store: progress, as soon as
 * there is any but at most every `progressMs`; and a renewal of every lease, three times within its
 * length. The answer names the tasks that were lost or canceled, and their held tasks end. When the
 * store cannot be reached, held tasks live on as long as their lease can be proven. They end before
 * anyone else may begin.
 */
export class LeaseKeeper implements LeaseProof, Disposable {
  readonly #options: LeaseKeeperOptions;
  readonly #heldTasks = new Map<string, HeldTask>();
  readonly #timer: NodeJS.Timeout;
  #lastRenewalMs = performance.now();
  #beating: Promise<void> | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const shortest = Math.min(options.progressMs ?? 250, options.leaseMs * RENEW_SHARE);
    this.#timer = setInterval(() => this.#tick(), shortest);
  }

  /** Starts keeping the lease of a task that was just leased. */
  hold(task: Task): HeldTask {
    this.#heldTasks.get(task.taskId)?.end("lost");
    const heldTask = new HeldTask(task, { ...this.#options, proof: this });
    this.#heldTasks.set(task.taskId, heldTask);
    return heldTask;
  }

  /** Stops keeping a lease: that of the held task. A newer held task of the same task stays. */
  drop(heldTask: HeldTask): void {
    if (this.#heldTasks.get(heldTask.taskId) === heldTask) this.#heldTasks.delete(heldTask.taskId);
  }

  heldTask(taskId: string): HeldTask | undefined {
    return this.#heldTasks.get(taskId);
  }

  /** Whether a lease may have run out unnoticed, as after a pause of the whole process. */
  get hasStale(): boolean {
    const oldestMs = performance.now() - this.#options.leaseMs * FRESH_SHARE;
    return [...this.#heldTasks.values()].some((heldTask) => heldTask.renewedAtMs < oldestMs);
  }

  async prove(heldTask: HeldTask): Promise<void> {
    const ageMs = performance.now() - heldTask.renewedAtMs;
    if (ageMs < this.#options.leaseMs * FRESH_SHARE) return;
    await this.renewAll();
    if (performance.now() - heldTask.renewedAtMs >= this.#options.leaseMs * FRESH_SHARE)
      heldTask.end("lost");
  }

  /**
   * Renews every lease now. Call it before looking for expired leases: after a pause of the process
   * they may be our own.
   */
  async renewAll(): Promise<void> {
    await this.#beating;
    await this.#beat([...this.#heldTasks.values()]);
    this.#lastRenewalMs = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    // What was noted and went along with nothing. A write that is refused ends the held task itself.
    for (const heldTask of this.#heldTasks.values()) heldTask.flushOld().catch(() => undefined);
    if (this.#beating !== undefined) return;
    const isDue =
      performance.now() - this.#lastRenewalMs >= this.#options.leaseMs * RENEW_SHARE - 50;
    const all = [...this.#heldTasks.values()];
    const chosen = isDue ? all : all.filter((heldTask) => heldTask.hasNews);
    if (isDue) this.#lastRenewalMs = performance.now();
    if (chosen.length === 0) return;
    this.#beating = this.#beat(chosen).finally(() => {
      this.#beating = undefined;
    });
  }

  async #beat(heldTasks: readonly HeldTask[]): Promise<void> {
    if (heldTasks.length === 0) return;
    const { store, owner, leaseMs, logger } = this.#options;
    const sentAtMs = performance.now();
    const reports = heldTasks.map(
      (heldTask): ProgressReport => heldTask.takeReport() ?? heldTask.fence,
    );
    try {
      this.#take(await store.heartbeat(owner, leaseMs, reports), heldTasks, sentAtMs);
    } catch (error) {
      logger.warn({ err: error, taskCount: heldTasks.length }, "heartbeat failed");
      this.#endExpired();
    }
  }

  #take(result: HeartbeatResult, heldTasks: readonly HeldTask[], sentAtMs: number): void {
    for (const heldTask of heldTasks) heldTask.renewedAtMs = sentAtMs;
    for (const fence of result.lost) this.#find(fence)?.end("lost");
    for (const fence of result.canceled) this.#find(fence)?.end("canceled");
  }

  #find(fence: Fence): HeldTask | undefined {
    const heldTask = this.#heldTasks.get(fence.taskId);
    return heldTask?.fence.epoch === fence.epoch ? heldTask : undefined;
  }

  #endExpired(): void {
    const nowMs = performance.now();
    for (const heldTask of this.#heldTasks.values())
      if (nowMs - heldTask.renewedAtMs > this.#options.leaseMs * 0.9) heldTask.end("lost");
  }
}
