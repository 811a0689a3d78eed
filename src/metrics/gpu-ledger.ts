import type { Dispatch, Task } from "../domain/task.js";
import type { Fence } from "../store/task-queue.js";

/** The events that the ledger reports. Times are in seconds. */
export interface GpuEvents {
  /** A server has run a prompt for this time. */
  busy(server: string, seconds: number): void;
  /** A server's work was wasted. @param cause `canceled`, `resubmitted` or an error's code. */
  wasted(cause: string, seconds: number): void;
  /** A server got a prompt of another workflow than before, so it has to load other models. */
  modelLoaded(server: string): void;
}

/** What is known about one task that this process holds. */
interface Entry {
  readonly epoch: number;
  readonly workflow: string;
  run?: Run;
}

/** What is known of its prompt. */
interface Run {
  readonly server: string;
  readonly promptId: string;
  readonly sentAtMs: number;
  /** How long the prompt ran. Unset while it may still run. */
  ranMs?: number;
}

/**
 * Measures what the servers do for the tasks of this process. A server runs one prompt at a time.
 * If a prompt was sent while another one ran, its time begins when the other one ends.
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

  /**
   * Call it when this process begins to hold a task. The task may have a prompt that another
   * process sent.
   */
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

  /** Call it when the prompt of a held task reaches a phase. */
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

  /**
   * Call it when the lease of a held task ends. @param wasteCause why its run was wasted; left out
   * if it was not, or is not known to be.
   */
  settled({ taskId }: Fence, wasteCause?: string): void {
    const entry = this.#entries.get(taskId);
    if (entry !== undefined && wasteCause !== undefined) this.#waste(entry, wasteCause);
    this.#entries.delete(taskId);
  }

  /**
   * Call it when another process holds a task. @returns whether this process still had it as held.
   */
  lost({ taskId, epoch }: Fence): boolean {
    const isOurs = this.#entries.get(taskId)?.epoch === epoch;
    if (isOurs) this.#entries.delete(taskId);
    return isOurs;
  }

  #waste(entry: Entry, cause: string): void {
    // Behind a prompt that has not ended it never began.
    if (entry.run !== undefined && this.#isBehindAnother(entry.run)) delete entry.run;
    this.#end(entry);
    const ranMs = entry.run?.ranMs ?? 0;
    if (ranMs > 0) this.#events.wasted(cause, ranMs / 1000);
    delete entry.run;
  }

  #isBehindAnother({ server, promptId, sentAtMs }: Run): boolean {
    return [...this.#entries.values()].some(
      ({ run }) =>
        run?.server === server &&
        run.promptId !== promptId &&
        run.ranMs === undefined &&
        run.sentAtMs < sentAtMs,
    );
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
