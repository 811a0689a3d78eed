import type { Dispatch } from "../../domain/task.js";
import type { LearnedTimes, TimedPrompt, TimedRun, Warmth } from "./learned-times.js";
import { anyPrompt } from "./timed-prompt.js";
import type { TimedServer } from "./timed-server.js";

/** What a {@link PromptTiming} is made of. */
export interface PromptTimingOptions {
  readonly learned: LearnedTimes;
  readonly server: TimedServer;
  readonly workflow: string;
  readonly prompt: TimedPrompt;
  /** No silence is shorter than this to be too long. */
  readonly silenceMinMs: number;
  /** Called when it was learned how long the prompt ran: others of its kind may be known to be short now. */
  readonly onLearned: () => void;
}

/** How many times the longest silence that was learned is too long. */
const SILENCE_FACTOR = 5;

/** Where the prompt is, as far as its times go. */
type SentPrompt = Pick<Dispatch, "promptId" | "variant">;

/** The times of one prompt on its server: what was learned of others, and what is learned of it. */
export class PromptTiming {
  readonly #options: PromptTimingOptions;
  #sent: SentPrompt;

  /** @param sent where the server has the prompt already. */
  constructor(options: PromptTimingOptions, sent: SentPrompt = { promptId: "" }) {
    this.#options = options;
    this.#sent = sent;
  }

  /** The server took the prompt. @param number of the prompt on the server, where it was told */
  noteSent(sent: SentPrompt, number: number | undefined): void {
    const { server, prompt } = this.#options;
    this.#sent = sent;
    server.prompts.noteSent(sent.promptId, prompt, number);
  }

  /** It was seen in the server's queue. */
  noteSighting({ state }: { readonly state: string }): void {
    if (state === "running")
      this.#options.server.prompts.noteRunning(this.#sent.promptId, performance.now());
  }

  /** How long a node may be silent, by what was learned; undefined: nothing was. */
  silenceLimitMs(nodeId: string): number | undefined {
    const { learned, silenceMinMs } = this.#options;
    const longestMs = learned.longestSilenceMs(
      this.#run(this.#warmth ?? "fresh"),
      this.#node(nodeId),
    );
    if (longestMs === undefined) return undefined;
    return Math.max(silenceMinMs, SILENCE_FACTOR * longestMs);
  }

  /**
   * It has ended in some way.
   *
   * @param silencesMs the longest silence of each node; undefined where not all of the run was heard.
   */
  noteEnd(
    end: { readonly kind: string; readonly executedMs?: number },
    silencesMs: ReadonlyMap<string, number> | undefined,
  ): void {
    const { server } = this.#options;
    if (end.kind === "success") this.#learn(end.executedMs, silencesMs);
    server.prompts.noteEnd(this.#sent.promptId, end.kind === "success" ? "ended_well" : "ended");
  }

  #learn(
    executedMs: number | undefined,
    silencesMs: ReadonlyMap<string, number> | undefined,
  ): void {
    const { learned, server, workflow, onLearned } = this.#options;
    const warmth = this.#warmth;
    const beganAtMs = server.prompts.current(this.#sent.promptId)?.runningSinceMs;
    const runMs = executedMs ?? (beganAtMs && performance.now() - beganAtMs);
    const run = this.#run(warmth ?? "cold");
    if (warmth !== undefined)
      for (const [nodeId, silenceMs] of silencesMs ?? [])
        learned.noteSilence(this.#run(warmth), this.#node(nodeId), silenceMs);
    if (runMs === undefined) return;
    learned.noteRun(run, runMs);
    learned.noteRun({ ...run, prompt: anyPrompt(workflow) }, runMs);
    onLearned();
  }

  get #warmth(): Warmth | undefined {
    return this.#options.server.prompts.warmth(this.#sent.promptId);
  }

  /** Each variant has nodes of its own. */
  #node(nodeId: string): string {
    const { variant } = this.#sent;
    return variant === undefined ? nodeId : `${variant} ${nodeId}`;
  }

  #run(warmth: Warmth): TimedRun {
    const { prompt, server } = this.#options;
    return { prompt, serverClass: server.serverClass, warmth };
  }
}
