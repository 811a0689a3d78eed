import { backoffMs } from "../lib/backoff.js";

interface ReceiverState {
  readonly openCount: number;
  /** How often it failed in a row. */
  readonly failureCount: number;
  readonly pausedUntilMs: number;
}

/** How long a receiver that fails is left alone, with all of its events: it fails the next ones too. */
const PAUSE = { baseMs: 1_000, capMs: 60_000 };
/** A receiver that failed so long ago is like any other. */
const FORGET_MS = 3_600_000;
const NEW: ReceiverState = { openCount: 0, failureCount: 0, pausedUntilMs: 0 };

/** What this process knows of receivers: which have open calls and which fail. */
export class Receivers {
  readonly #states = new Map<string, ReceiverState>();
  readonly #now: () => number;

  /** @param now milliseconds since some moment. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Those that must not be called now. */
  busy(): readonly string[] {
    const nowMs = this.#now();
    this.#forget(nowMs);
    return [...this.#states]
      .filter(([, state]) => state.openCount > 0 || state.pausedUntilMs > nowMs)
      .map(([receiver]) => receiver);
  }

  begin(receiver: string): void {
    const state = this.#states.get(receiver) ?? NEW;
    this.#states.set(receiver, { ...state, openCount: state.openCount + 1 });
  }

  end(receiver: string, hasFailed: boolean): void {
    const state = this.#states.get(receiver) ?? NEW;
    const failureCount = hasFailed ? state.failureCount + 1 : 0;
    this.#states.set(receiver, {
      openCount: state.openCount - 1,
      failureCount,
      pausedUntilMs: hasFailed ? this.#now() + backoffMs(failureCount, PAUSE) : 0,
    });
  }

  #forget(nowMs: number): void {
    for (const [receiver, { openCount, failureCount, pausedUntilMs }] of this.#states)
      if (openCount === 0 && (failureCount === 0 || pausedUntilMs + FORGET_MS < nowMs))
        this.#states.delete(receiver);
  }
}
