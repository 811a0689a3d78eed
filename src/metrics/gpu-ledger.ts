import type { Dispatch, Task } from "../domain/task.js";
import type { Fence } from "../store/task-queue.js";

/** What the ledger finds out; times in seconds. */
export interface GpuEvents {
  /** A server ran a prompt for so long. */
  busy(server: string, seconds: number): void;
  /** What a server ran is of no use to anybody. @param cause `canceled`, `resubmitted` or an error's code. */
  wasted(cause: string, seconds: number): void;
  /** A server got a prompt of another workflow than before, and has to load its models. */
  modelLoaded(server: string): void;
}

/** What is known of one task that this process holds. */
interface Entry {
  readonly epoch: number;
  readonly workflow: string;
  run?: {
    readonly server: string;
    readonly promptId: string;
    readonly sentAtMs: number;
    /** How long it ran; unset while it may still run. */
    ranMs?: number;
  };
}

/**
 * Keeps account of what the servers do for the tasks of this process. A server runs one prompt at a
 * time: one that was sent while another ran counts from that one's end.
 */
export class GpuLedger {
  readonly #events: GpuEvents;
  readonly #clock: () => number;
  readonly #entries = new Map<string, Entry>();
  /** When the last prompt ended, by server. */
  readonly #freeSinceMs = new Map<string, number>();
  readonly #loaded = new Map<string, string>();

  /** @param clock milliseconds since 1970. */
  constructor(events: GpuEvents, clock: () => number = Date.now) {
    this.#events = events;
    this.#clock = clock;
  }

  /** A task is held from now on, perhaps with a prompt that another process sent. */
  leased({ taskId, epoch, workflow, dispatch }: Task): void {
    const entry: Entry = { epoch, workflow };
    if (dispatch !== undefined) {
      const { server, promptId, phase, at } = dispatch;
      entry.run = {
        server,
        promptId,
        sentAtMs: at.getTime(),
        ...(phase === "done" && { ranMs: 0 }),
      };
      this.#loaded.set(server, workflow);
    }
    this.#entries.set(taskId, entry);
  }

  /** A held task's prompt has come further. */
  dispatched({ taskId }: Fence, { server, promptId, phase }: Omit<Dispatch, "at">): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    if (entry.run !== undefined && entry.run.promptId !== promptId)
      this.#waste(entry, "resubmitted");
    if (entry.run?.promptId !== promptId) {
      entry.run = { server, promptId, sentAtMs: this.#clock() };
      if (this.#loaded.get(server) !== entry.workflow) this.#events.modelLoaded(server);
      this.#loaded.set(server, entry.workflow);
    }
    if (phase === "done") this.#end(entry);
  }

  /** A held task's lease has ended. @param wasteCause why its run is of no use; left out if it is or may be. */
  settled({ taskId }: Fence, wasteCause?: string): void {
    const entry = this.#entries.get(taskId);
    if (entry !== undefined && wasteCause !== undefined) this.#waste(entry, wasteCause);
    this.#entries.delete(taskId);
  }

  /** A task is held by another process. @returns whether this one thought to hold it. */
  lost({ taskId, epoch }: Fence): boolean {
    const isOurs = this.#entries.get(taskId)?.epoch === epoch;
    if (isOurs) this.#entries.delete(taskId);
    return isOurs;
  }

  #waste(entry: Entry, cause: string): void {
    this.#end(entry);
    const ranMs = entry.run?.ranMs ?? 0;
    if (ranMs > 0) this.#events.wasted(cause, ranMs / 1000);
    delete entry.run;
  }

  #end({ run }: Entry): void {
    if (run === undefined || run.ranMs !== undefined) return;
    const nowMs = this.#clock();
    const startedAtMs = Math.max(run.sentAtMs, this.#freeSinceMs.get(run.server) ?? 0);
    run.ranMs = Math.max(0, nowMs - startedAtMs);
    this.#freeSinceMs.set(run.server, nowMs);
    this.#events.busy(run.server, run.ranMs / 1000);
  }
}
