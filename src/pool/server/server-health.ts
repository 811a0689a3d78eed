import { backoffMs } from "../../lib/backoff.js";

/** What the pool thinks of a server; see {@link ServerHealth}. */
export type ServerState = "unknown" | "ready" | "quarantined" | "half_open" | "draining";

/**
 * Why a server is taken out: it cannot be reached; it refused a task without running it; it failed
 * a task; or only a restart mends its GPU (CUDA errors are sticky).
 */
export type FaultKind = "unreachable" | "refusal" | "fault" | "needs_restart";

const UNREACHABLE_PAUSE = { baseMs: 500, capMs: 5_000 };
const FAULT_PAUSE = { baseMs: 5_000, capMs: 300_000 };

/**
 * How well a server is. Pure: it is told what was seen.
 *
 * It is `unknown` until it first answers, then `ready`. Any fault makes it `quarantined`, with a
 * pause that grows with each fault in a row. The pause is short for a server out of reach, longer
 * for one that fails tasks, and lasts until the restart for one whose GPU is broken. When the
 * server answers after the pause it is `half_open` and gets one task at a time. The first task that
 * succeeds makes it `ready`; the first that fails starts the next, longer quarantine. A `draining`
 * server takes nothing new.
 */
export class ServerHealth {
  #state: ServerState = "unknown";
  #reason: string | undefined;
  #retryAt: Date | undefined;
  #faultKind: FaultKind | undefined;
  #faultCount = 0;
  #faultTotal = 0;
  #needsRestart = false;
  /** The tasks that failed here since one last succeeded. */
  readonly #failedTaskIds = new Set<string>();
  readonly #stuckPromptIds = new Set<string>();

  get state(): ServerState {
    return this.#state;
  }

  /** Why it is not up; undefined while it is. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** What it was taken out for; undefined once it is up again. */
  get faultKind(): FaultKind | undefined {
    return this.#faultKind;
  }

  /** How many faults there were since this process started. */
  get faultTotal(): number {
    return this.#faultTotal;
  }

  /** When its quarantine ends. */
  get retryAt(): Date | undefined {
    return this.#retryAt;
  }

  /** Prompts of ours that did not stop: while one of them runs, nothing else does. */
  get stuckPromptIds(): ReadonlySet<string> {
    return this.#stuckPromptIds;
  }

  /**
   * Whether a task failed here since one last succeeded. Other tasks tell more about the server.
   */
  hasFailed(taskId: string): boolean {
    return this.#failedTaskIds.has(taskId);
  }

  /**
   * Tells that it answered.
   *
   * @param isIdle whether it has no prompt of this process.
   * @returns whether the state changed.
   */
  noteAnswer(restarted: boolean, isIdle: boolean, now: Date): boolean {
    if (restarted) {
      this.#needsRestart = false;
      // Also if a prompt is still believed to be stuck there: once it is known to be gone, no pause is left.
      this.#retryAt = undefined;
    }
    const before = this.#state;
    if (this.#state === "unknown") this.#become("ready");
    else if (this.#state === "quarantined" && this.#quarantineIsOver(now))
      this.#become(this.#faultKind === "unreachable" && isIdle ? "ready" : "half_open");
    return this.#state !== before;
  }

  /**
   * Tells that it did not answer, which is no reason yet to take it out.
   *
   * @returns whether that is news.
   */
  noteUnanswered(reason: string): boolean {
    const isNews = this.#reason === undefined;
    this.#reason = reason;
    return isNews;
  }

  /** Tells that a prompt of ours did not stop. */
  noteStuck(promptId: string): void {
    this.#stuckPromptIds.add(promptId);
  }

  /** Tells that a stuck prompt is gone. */
  noteUnstuck(promptId: string): void {
    this.#stuckPromptIds.delete(promptId);
  }

  /**
   * Takes the server out of the pool.
   *
   * @returns whether the fault is held against the task too. A server that is quarantined or half
   *   open is itself to blame if it fails another task, and if it refuses any task without running
   *   it.
   */
  noteFault(kind: FaultKind, reason: string, now: Date, taskId?: string): boolean {
    this.#faultTotal += 1;
    const isSuspect = this.#state === "half_open" || this.#state === "quarantined";
    const isSameTask = this.#failedTaskIds.size === 1 && this.hasFailed(taskId ?? "");
    const blamesTask = !isSuspect || (isSameTask && kind !== "refusal");
    if (taskId !== undefined) this.#failedTaskIds.add(taskId);
    if (this.#state === "draining") return blamesTask;
    this.#faultCount += 1;
    this.#needsRestart ||= kind === "needs_restart";
    // A suspect server that cannot be reached either is still held to its earlier fault.
    if (kind !== "unreachable" || !isSuspect) this.#faultKind = kind;
    const pause = this.#faultKind === "unreachable" ? UNREACHABLE_PAUSE : FAULT_PAUSE;
    this.#state = "quarantined";
    this.#reason = reason;
    this.#retryAt = new Date(now.getTime() + backoffMs(this.#faultCount, pause));
    return blamesTask;
  }

  /**
   * Tells that a prompt ended as it should: whatever was held against the server is forgotten. A
   * quarantined server stays out: the prompt was from before.
   *
   * @returns whether the state changed.
   */
  noteSuccess(): boolean {
    if (this.#state === "quarantined") return false;
    const wasHalfOpen = this.#state === "half_open";
    if (wasHalfOpen) this.#become("ready");
    this.#faultCount = 0;
    this.#failedTaskIds.clear();
    return wasHalfOpen;
  }

  #quarantineIsOver(now: Date): boolean {
    if (this.#needsRestart || this.#stuckPromptIds.size > 0) return false;
    return this.#retryAt === undefined || now >= this.#retryAt;
  }

  #become(state: "ready" | "half_open"): void {
    this.#state = state;
    this.#reason = state === "ready" ? undefined : this.#reason;
    this.#retryAt = undefined;
    if (this.#faultKind === "unreachable") this.#faultCount = 0;
    if (state === "ready") this.#faultKind = undefined;
  }
}
