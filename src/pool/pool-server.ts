import type { ComfyServer } from "../comfy/comfy-server.js";
import type { ServerCapability } from "../comfy/server-capability.js";
import type { ServerMemory } from "../domain/task.js";
import { backoffMs } from "../lib/backoff.js";
import { PromptLog } from "./prompt-log.js";
import type { QueuedPrompt } from "./queued-prompt.js";
import { type ServerFolderPaths, ServerFolders } from "./server-folders.js";
import { WorkflowFaults } from "./workflow-faults.js";

/** What the pool thinks of a server; see {@link PoolServer}. */
export type ServerState = "unknown" | "ready" | "quarantined" | "half_open" | "draining";

/**
 * Why a server is taken out: it cannot be reached; it refused a task without running it; it failed
 * a task; or only a restart mends its GPU (CUDA errors are sticky).
 */
export type FaultKind = "unreachable" | "refusal" | "fault" | "needs_restart";

/** What the pool needs of a task that asks for a slot or holds one in this process. */
export interface SlotHolder extends QueuedPrompt {
  readonly taskId: string;
  /** Resolves once its server has its prompt, or it gave its slot back. */
  readonly sent: Promise<void>;
}

/** What a pool server is made of. */
export interface PoolServerOptions {
  readonly id: string;
  readonly comfy: ComfyServer;
  readonly queueDepth: "auto" | 1 | 2;
  readonly folders?: ServerFolderPaths | undefined;
}

const UNREACHABLE_PAUSE = { baseMs: 500, capMs: 5_000 };
const FAULT_PAUSE = { baseMs: 5_000, capMs: 300_000 };

/**
 * What is known of one server. It does no I/O: the prober and the scheduler tell it what they saw.
 *
 * It is `unknown` until it first answers, then `ready`. Any fault makes it `quarantined`, with a
 * pause that grows with each fault in a row. The pause is short for a server out of reach, longer
 * for one that fails tasks, and lasts until the restart for one whose GPU is broken. When the
 * server answers after the pause it is `half_open` and gets one task at a time. The first task that
 * succeeds makes it `ready`; the first that fails starts the next, longer quarantine. A `draining`
 * server takes nothing new.
 */
export class PoolServer {
  /** The name in slots and dispatches. It stays the same across restarts of the service. */
  readonly id: string;
  readonly comfy: ComfyServer;
  readonly queueDepth: "auto" | 1 | 2;
  /** Its input and output folders, where they are mounted here. */
  readonly folders: ServerFolders | undefined;
  /**
   * Slots that another process was seen holding, each with the time, by the monotonic clock, until
   * which that is believed.
   */
  readonly heldElsewhere = new Map<string, number>();
  /** What it did wrong with single workflows. */
  readonly workflowFaults = new WorkflowFaults();
  /** Prompts of ours that did not stop: while one of them runs, nothing else does. */
  readonly stuckPromptIds = new Set<string>();
  /** The prompts of ours that it took. */
  readonly prompts = new PromptLog();
  state: ServerState = "unknown";
  reason: string | undefined;
  retryAt: Date | undefined;
  capability: ServerCapability | undefined;
  version: string | undefined;
  devices: readonly string[] = [];
  /** Undefined while it has not said. */
  memory: ServerMemory | undefined;
  /** The workflow it ran last: its models are in memory. */
  loadedWorkflow: string | undefined;
  lastActiveAt: Date | undefined;
  /** When its last slot was given back, by the monotonic clock. */
  idleSinceMs = Number.NEGATIVE_INFINITY;
  readonly #held = new Map<string, SlotHolder>();
  #faultKind: FaultKind | undefined;
  #faultCount = 0;
  #needsRestart = false;
  #closingCount = 0;
  /** The tasks that failed here since one last succeeded. */
  readonly #failedTaskIds = new Set<string>();

  constructor(options: PoolServerOptions) {
    this.id = options.id;
    this.comfy = options.comfy;
    this.queueDepth = options.queueDepth;
    this.folders = options.folders && new ServerFolders(options.folders);
  }

  /** Slots held by tasks of this process, by slot name. */
  get held(): ReadonlyMap<string, SlotHolder> {
    return this.#held;
  }

  /** Those that got their slots before this one. */
  heldBefore(holder: SlotHolder): readonly SlotHolder[] {
    const holders = [...this.#held.values()];
    return holders.slice(0, Math.max(0, holders.indexOf(holder)));
  }

  /** Counts a slot as the holder's. */
  take(slot: string, holder: SlotHolder): void {
    this.#held.set(slot, holder);
  }

  /**
   * Counts a slot as free, unless another holder has it by now. @returns whether it was this one's.
   */
  giveBack(slot: string, holder: SlotHolder): boolean {
    return this.#held.get(slot) === holder && this.#held.delete(slot);
  }

  /** Keeps tasks from the server until {@link reopen} was called as often as this. */
  close(): void {
    this.#closingCount += 1;
  }

  reopen(): void {
    this.#closingCount -= 1;
  }

  /**
   * Servers of one class take the same time for the same: those with the same devices, wherever these
   * are in their machines. One that names none is a class of its own.
   */
  get serverClass(): string {
    return this.devices.map((name) => name.replace(/^cuda:\d+ /, "")).join(" + ") || this.id;
  }

  /** Whether it may be given a task now. */
  get takesWork(): boolean {
    if (this.#closingCount > 0) return false;
    return this.state === "ready" || (this.state === "half_open" && this.#held.size === 0);
  }

  /** Whether the server was ever reached: it is then known what it has. */
  get isKnown(): boolean {
    return this.capability !== undefined;
  }

  /**
   * Whether a task failed here since one last succeeded. Other tasks tell more about the server.
   */
  hasFailed(taskId: string): boolean {
    return this.#failedTaskIds.has(taskId);
  }

  /** Tells that a probe was answered. @returns whether the state changed. */
  noteAnswer(restarted: boolean, now: Date): boolean {
    if (restarted) {
      this.loadedWorkflow = undefined;
      this.prompts.noteRestart();
      this.#needsRestart = false;
      // Also if a prompt is still believed to be stuck there: once it is known to be gone, no pause is left.
      this.retryAt = undefined;
    }
    const before = this.state;
    if (this.state === "unknown") this.#become("ready");
    else if (this.state === "quarantined" && this.#quarantineIsOver(now))
      this.#become(
        this.#faultKind === "unreachable" && this.#held.size === 0 ? "ready" : "half_open",
      );
    return this.state !== before;
  }

  /**
   * Takes the server out of the pool.
   *
   * @returns whether the fault is held against the task too. A server that is quarantined or half
   *   open is itself to blame if it fails another task, and if it refuses any task without running
   *   it.
   */
  noteFault(kind: FaultKind, reason: string, now: Date, taskId?: string): boolean {
    const isSuspect = this.state === "half_open" || this.state === "quarantined";
    const isSameTask = this.#failedTaskIds.size === 1 && this.hasFailed(taskId ?? "");
    const blamesTask = !isSuspect || (isSameTask && kind !== "refusal");
    if (taskId !== undefined) this.#failedTaskIds.add(taskId);
    if (this.state === "draining") return blamesTask;
    this.#faultCount += 1;
    this.#needsRestart ||= kind === "needs_restart";
    // A suspect server that cannot be reached either is still held to its earlier fault.
    if (kind !== "unreachable" || !isSuspect) this.#faultKind = kind;
    const pause = this.#faultKind === "unreachable" ? UNREACHABLE_PAUSE : FAULT_PAUSE;
    this.state = "quarantined";
    this.reason = reason;
    this.retryAt = new Date(now.getTime() + backoffMs(this.#faultCount, pause));
    return blamesTask;
  }

  /**
   * Tells that a prompt ended as it should: whatever was held against the server is forgotten. A
   * quarantined server stays out: the prompt was from before.
   *
   * @returns whether the state changed.
   */
  noteSuccess(): boolean {
    if (this.state === "quarantined") return false;
    const wasHalfOpen = this.state === "half_open";
    if (wasHalfOpen) this.#become("ready");
    this.#faultCount = 0;
    this.#failedTaskIds.clear();
    return wasHalfOpen;
  }

  #quarantineIsOver(now: Date): boolean {
    if (this.#needsRestart || this.stuckPromptIds.size > 0) return false;
    return this.retryAt === undefined || now >= this.retryAt;
  }

  #become(state: "ready" | "half_open"): void {
    this.state = state;
    this.reason = state === "ready" ? undefined : this.reason;
    this.retryAt = undefined;
    if (this.#faultKind === "unreachable") this.#faultCount = 0;
    if (state === "ready") this.#faultKind = undefined;
  }
}
