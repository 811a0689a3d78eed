import type { Clients } from "../clients.js";
import { toFailure } from "../failure.js";
import { pause, pauseMs } from "./pause.js";
import type { TaskChange, TaskSource } from "./task-source.js";

/** Whether the page hears the service. */
export type Link = "connecting" | "live" | "lost";

/** Where the keeper tells what it hears. */
export interface StreamListener {
  changed(change: TaskChange): void;
  linked(link: Link): void;
  /** The stream begins anew: what ended meanwhile will not be told. */
  restarted(): void;
}

/** How often the service is asked whether it is still there. */
const ASK_MS = 10_000;
const ANSWER_LIMIT_MS = 5_000;
/** A timer this much too late means that the machine or the tab was asleep. */
const ASLEEP_MS = 90_000;

/**
 * Keeps one stream open. When it breaks, the next begins at the cursor of the last change, after a
 * pause that grows. A stream can be dead without an error, after a sleep or on a dead network;
 * therefore the service is asked now and then, and a stream whose service does not answer is cut.
 */
export class StreamKeeper {
  readonly #clients: Clients;
  readonly #source: TaskSource;
  readonly #listener: StreamListener;
  #failures = 0;
  #wake = new AbortController();

  constructor(clients: Clients, source: TaskSource, listener: StreamListener) {
    this.#clients = clients;
    this.#source = source;
    this.#listener = listener;
  }

  /** Ends the pause before the next try, and looks whether the open stream is alive. */
  hurry(): void {
    this.#wake.abort();
  }

  /** Runs until the signal is aborted. @param cursor of the last change that is known. */
  async run(cursor: string, signal: AbortSignal): Promise<void> {
    let at = cursor;
    while (!signal.aborted) {
      try {
        for await (const change of this.#open(at, signal)) {
          at = change.cursor;
          this.#listener.changed(change);
        }
      } catch (thrown) {
        // Whatever broke the stream, the next try begins where it ended, unless that is too long ago.
        if (toFailure(thrown).code === "CURSOR_EXPIRED") {
          at = "";
          this.#listener.restarted();
        }
      }
      if (signal.aborted) return;
      this.#failures += 1;
      this.#listener.linked(this.#failures === 1 ? "connecting" : "lost");
      await this.#rest(pauseMs(this.#failures, Math.random), signal);
    }
  }

  async *#open(cursor: string, signal: AbortSignal): AsyncGenerator<TaskChange> {
    const cut = new AbortController();
    const both = AbortSignal.any([signal, cut.signal]);
    let watched: Promise<void> | undefined;
    try {
      for await (const change of this.#source(cursor, both)) {
        // A stream where nothing changes says nothing: it is live when the service answers.
        watched ??= this.#watchService(cut, both);
        yield change;
      }
    } finally {
      cut.abort();
      await watched;
    }
  }

  async #watchService(cut: AbortController, signal: AbortSignal): Promise<void> {
    let askedAt = Date.now();
    while (!signal.aborted) {
      const isAwake = Date.now() - askedAt < ASK_MS + ASLEEP_MS;
      // What was asleep for long counts as lost at once, so that the page says it.
      if (!isAwake) this.#failures = Math.max(1, this.#failures);
      if (!(isAwake && (await this.#answers(signal)))) return cut.abort();
      if (!signal.aborted) this.#listener.linked("live");
      askedAt = Date.now();
      await this.#rest(ASK_MS, signal);
      if (!signal.aborted) this.#failures = 0;
    }
  }

  async #answers(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clients.monitor.getHealth({}, { signal, timeoutMs: ANSWER_LIMIT_MS });
      return true;
    } catch {
      return false;
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    await pause(ms, AbortSignal.any([signal, this.#wake.signal]));
  }
}
