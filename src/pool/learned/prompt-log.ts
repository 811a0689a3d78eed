import type { TimedPrompt, Warmth } from "./learned-times.js";

interface LoggedPrompt {
  readonly prompt: TimedPrompt;
  /** Counts a server's prompts since its start, whoever sends them; undefined where it was not told. */
  readonly number: number | undefined;
  state: "sent" | "ended_well" | "ended" | "withdrawn";
  /** By the monotonic clock; undefined while it was not seen running. */
  runningSinceMs?: number;
}

/** Prompts that are remembered: those that may still be asked about are far fewer. */
const MAX_PROMPT_COUNT = 32;
/** Kinds that are remembered; a server that has run more since its start counts as started just now. */
const MAX_KIND_COUNT = 1_000;

/**
 * The prompts of ours that one server took: which of them run, and what the server has in memory for
 * each. Servers number their prompts without gaps, so that what others sent in between shows.
 */
export class PromptLog {
  readonly #prompts = new Map<string, LoggedPrompt>();
  /** Kinds that ran there to a good end since the server's start, as far as it was watched. */
  readonly #ranKinds = new Set<string>();
  #isStartKnown = false;
  #lastNumber = -1;

  /** The server took a prompt. */
  noteSent(promptId: string, prompt: TimedPrompt, number: number | undefined): void {
    if (number !== undefined && number <= this.#lastNumber) this.noteRestart();
    if (number === 0) this.#isStartKnown = true;
    this.#lastNumber = number ?? this.#lastNumber;
    this.#prompts.set(promptId, { prompt, number, state: "sent" });
    const [oldest] = this.#prompts.keys();
    if (this.#prompts.size > MAX_PROMPT_COUNT && oldest !== undefined) this.#prompts.delete(oldest);
  }

  /** It was seen running. */
  noteRunning(promptId: string, nowMs: number): void {
    const logged = this.#prompts.get(promptId);
    if (logged !== undefined) logged.runningSinceMs ??= nowMs;
  }

  /** It has ended, or was taken back before it ran. */
  noteEnd(promptId: string, state: "ended_well" | "ended" | "withdrawn"): void {
    const logged = this.#prompts.get(promptId);
    if (logged === undefined) return;
    logged.state = state;
    if (state !== "ended_well") return;
    if (this.#ranKinds.size === MAX_KIND_COUNT) this.#ranKinds.clear();
    this.#ranKinds.add(logged.prompt.kind);
  }

  /** The server's process ended: nothing that ran before is in memory. */
  noteRestart(): void {
    this.#ranKinds.clear();
    this.#isStartKnown = true;
    this.#lastNumber = -1;
    // One that was sent may be the first after the start.
    for (const [promptId, { state }] of this.#prompts)
      if (state !== "sent") this.#prompts.delete(promptId);
  }

  /** A prompt that was sent and is not known to have ended, and since when it runs. */
  current(
    promptId: string,
  ): { readonly prompt: TimedPrompt; readonly runningSinceMs?: number } | undefined {
    const logged = this.#prompts.get(promptId);
    return logged?.state === "sent" ? logged : undefined;
  }

  /** What the server has in memory for a prompt; undefined while that is not known yet. */
  warmth(promptId: string): Warmth | undefined {
    const logged = this.#prompts.get(promptId);
    if (logged?.number === undefined) return "cold";
    const before = this.#before(logged.number);
    if (before?.state === "sent") return undefined;
    const { kind } = logged.prompt;
    if (before?.state === "ended_well" && before.prompt.kind === kind) return "warm";
    return this.#ranKinds.has(kind) || !this.#isStartKnown ? "cold" : "fresh";
  }

  /** The prompt that the server ran before the one with this number, where it was one of ours. */
  #before(number: number): LoggedPrompt | undefined {
    const logged = [...this.#prompts.values()].find((other) => other.number === number - 1);
    return logged?.state === "withdrawn" ? this.#before(number - 1) : logged;
  }
}
