import type { ComfyServer } from "../../comfy/comfy-server.js";
import type { ServerCapability } from "../../comfy/server-capability.js";
import type { ServerMemory } from "../../domain/task.js";
import { PromptLog } from "../learned/prompt-log.js";
import type { QueuedPrompt } from "../learned/queued-prompt.js";
import { BusyTime } from "./busy-time.js";
import { KnownLacks } from "./known-lacks.js";
import { type ServerFolderPaths, ServerFolders } from "./server-folders.js";
import { ServerHealth, type ServerState } from "./server-health.js";
import { WorkflowFaults } from "./workflow-faults.js";

/** What the pool needs of a task that asks for a slot or holds one in this process. */
export interface SlotHolder extends QueuedPrompt {
  readonly taskId: string;
  /** Resolves once its server has its prompt, or it gave its slot back. */
  readonly sent: Promise<void>;
}

/** What a server said when it was asked what it is and has. */
export interface ServerAnswer {
  /** Whether its process was started anew since it was last asked. */
  readonly restarted: boolean;
  readonly capability: ServerCapability;
  readonly version?: string;
  readonly devices?: readonly string[];
  /** Absent while it has not said. */
  readonly memory?: ServerMemory;
}

/** What a pool server is made of. */
export interface PoolServerOptions {
  readonly id: string;
  readonly comfy: ComfyServer;
  readonly queueDepth: "auto" | 1 | 2;
  readonly folders?: ServerFolderPaths | undefined;
}

/**
 * What is known of one server: how well it is, what it has, and who holds its slots. It does no I/O:
 * the prober, the pool and the scheduler tell it what they saw, and nobody else writes its fields.
 */
export class PoolServer {
  /** The name in slots and dispatches. It stays the same across restarts of the service. */
  readonly id: string;
  readonly comfy: ComfyServer;
  readonly queueDepth: "auto" | 1 | 2;
  /** Its input and output folders, where they are mounted here. */
  readonly folders: ServerFolders | undefined;
  readonly health = new ServerHealth();
  /** What it did wrong with single workflows. */
  readonly workflowFaults = new WorkflowFaults();
  /** The prompts of ours that it took. */
  readonly prompts = new PromptLog();
  readonly #heldElsewhere = new Map<string, number>();
  readonly #held = new Map<string, SlotHolder>();
  readonly #busy = new BusyTime();
  #answer: ServerAnswer | undefined;
  #lacks: KnownLacks | undefined;
  #loadedWorkflow: string | undefined;
  #lastActiveAt: Date | undefined;
  #idleSinceMs = Number.NEGATIVE_INFINITY;
  #closingCount = 0;

  constructor(options: PoolServerOptions) {
    this.id = options.id;
    this.comfy = options.comfy;
    this.queueDepth = options.queueDepth;
    this.folders = options.folders && new ServerFolders(options.folders);
  }

  get state(): ServerState {
    return this.health.state;
  }

  /** Undefined before it was first reached, as are all things that it says of itself. */
  get capability(): ServerCapability | undefined {
    return this.#answer?.capability;
  }

  /** What it lacks for workflows. */
  get lacks(): KnownLacks | undefined {
    return this.#lacks;
  }

  get version(): string | undefined {
    return this.#answer?.version;
  }

  get devices(): readonly string[] {
    return this.#answer?.devices ?? [];
  }

  get memory(): ServerMemory | undefined {
    return this.#answer?.memory;
  }

  /** The workflow it ran last: its models are in memory. */
  get loadedWorkflow(): string | undefined {
    return this.#loadedWorkflow;
  }

  get lastActiveAt(): Date | undefined {
    return this.#lastActiveAt;
  }

  /** When its last slot was given back, by the monotonic clock. */
  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  /**
   * Slots that another process was seen holding, each with the time, by the monotonic clock, until
   * which that is believed.
   */
  get heldElsewhere(): ReadonlyMap<string, number> {
    return this.#heldElsewhere;
  }

  /** For how long tasks of this process have held a slot, in milliseconds since it started. */
  get busyMs(): number {
    return this.#busy.totalMs;
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
    this.#busy.set(true);
  }

  /** Tells that a task may send its prompt: what it needs is loaded from now on. */
  noteBound(workflow: string): void {
    this.#loadedWorkflow = workflow;
    this.#lastActiveAt = new Date();
  }

  /** Tells that another process holds a slot, as is believed until then, by the monotonic clock. */
  noteHeldElsewhere(slot: string, untilMs: number): void {
    this.#heldElsewhere.set(slot, untilMs);
  }

  /** Tells that a task is done with its slot. @returns as {@link giveBack} does. */
  release(slot: string, holder: SlotHolder): boolean {
    if (!this.giveBack(slot, holder)) return false;
    this.#lastActiveAt = new Date();
    this.#idleSinceMs = performance.now();
    return true;
  }

  /**
   * Counts a slot as free, unless another holder has it by now. @returns whether it was this one's.
   */
  giveBack(slot: string, holder: SlotHolder): boolean {
    if (this.#held.get(slot) !== holder) return false;
    this.#held.delete(slot);
    this.#busy.set(this.#held.size > 0);
    return true;
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
    return this.#answer !== undefined;
  }

  /** Tells that it was asked and said what it is and has. @returns whether the state changed. */
  noteAnswer(answer: ServerAnswer, now: Date): boolean {
    this.#answer = answer;
    if (this.#lacks?.capability !== answer.capability)
      this.#lacks = new KnownLacks(answer.capability);
    if (answer.restarted) {
      this.#loadedWorkflow = undefined;
      this.prompts.noteRestart();
    }
    return this.health.noteAnswer(answer.restarted, this.#held.size === 0, now);
  }
}
