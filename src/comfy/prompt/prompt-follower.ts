/**
 * Follows a prompt to its end. Polls (queue, then history) decide; events are only a hint. With
 * ComfyUI 0.3.64 a socket may become deaf, or another client may delay it for minutes.
 * `execution_success` comes before the history entry (38 of 100), `executing` without a node after
 * it.
 */
import { TaskError } from "../../domain/errors.js";
import { isRefused } from "../comfy-errors.js";
import type { ComfyServer } from "../comfy-server.js";
import { Alarm } from "../events/alarm.js";
import type { PromptEvent } from "../events/comfy-event.js";
import { EndByEvents } from "./end-by-events.js";
import { lookForEnd, lookOnce, type PromptSighting } from "./look-for-prompt.js";
import type { Prompt } from "./prompt.js";
import type { PromptEnd } from "./prompt-end.js";
import { PromptHearing } from "./prompt-hearing.js";
import { PromptProgress, type PromptUpdate } from "./prompt-progress.js";
import { PromptWatch, type WatchLimits, type WatchVerdict } from "./prompt-watch.js";
import { Silences } from "./silences.js";

/** Times of prompts, as {@link PromptFollower} asks for them and tells them. */
export interface PromptTiming {
  /** How long the node that runs may be silent where that is known to be less than `stallMs`; "" between nodes. */
  silenceLimitMs(nodeId: string): number | undefined;
  /** It has ended. @param silencesMs the longest of each node; undefined where not all of the run was heard */
  noteEnd(end: PromptEnd, silencesMs: ReadonlyMap<string, number> | undefined): void;
}

/** Options of following a prompt. */
export interface FollowOptions {
  /** Stops following when it is aborted. The prompt itself continues. */
  readonly signal: AbortSignal;
  /** The prompt as submitted. It is needed for the progress; without it no progress is reported. */
  readonly prompt?: Prompt;
  /**
   * The share of the time that each node takes, by node id, in any unit. Nodes without a weight get
   * that of their class.
   */
  readonly weights?: { readonly [nodeId: string]: number };
  /** Called whenever the prompt has made progress. The ratio never falls. */
  readonly onProgress?: (update: PromptUpdate) => void;
  /** Called with what each look at the server has found. */
  readonly onSighting?: (sighting: PromptSighting) => void;
  /**
   * A prompt without a sign of life for this time is stuck. Note that a node is silent while it
   * loads a model.
   */
  readonly stallMs: number;
  /** What was learned of such prompts, and is learned of this one. */
  readonly timing?: PromptTiming;
  /** Whether it was sent just now: it is looked for only when something is heard of it, or after a while. */
  readonly isNew?: boolean;
  /** How long the server has already worked on the prompt. @default 0 */
  readonly investedMs?: number;
  /** Time between two polls while no events come. @default 1000 */
  readonly pollMs?: number;
  /**
   * How long to wait for the server and its history. @default 15 s refused, 30 s to 10 min silent,
   * 60 s dead worker, 10 s late history
   */
  readonly watch?: Partial<Omit<WatchLimits, "stallMs" | "learnedStallMs">>;
}

/** How long to wait for a prompt's server if the caller sets nothing else. */
const DEFAULT_WATCH_LIMITS: Omit<WatchLimits, "stallMs" | "absentMs"> = {
  refusedMs: 15_000,
  silentMinMs: 30_000,
  silentMaxMs: 600_000,
  deadWorkerMs: 60_000,
  lateHistoryMs: 10_000,
};

/**
 * Follows one prompt to its end. It hears the prompt's events from the beginning where it is made
 * before the prompt is submitted: a short prompt may have ended when its submission is answered.
 */
export class PromptFollower implements Disposable {
  readonly #server: ComfyServer;
  readonly #promptId: string;
  readonly #options: FollowOptions;
  readonly #restartSignCount: number;
  readonly #watch: PromptWatch;
  readonly #progress: PromptProgress;
  readonly #heardEnd = new EndByEvents();
  readonly #silences = new Silences();
  readonly #pace: PollPace;
  readonly #alarm = new Alarm();
  readonly #hearing: PromptHearing;
  #polledAtMs = performance.now();

  constructor(server: ComfyServer, promptId: string, options: FollowOptions) {
    const { prompt = {}, weights, stallMs, investedMs, timing, pollMs = 1_000 } = options;
    this.#server = server;
    this.#promptId = promptId;
    this.#options = options;
    this.#restartSignCount = server.restartSignCount;
    const limits = {
      ...DEFAULT_WATCH_LIMITS,
      absentMs: server.limits.absentPauseMs,
      ...options.watch,
      stallMs,
      learnedStallMs: () => timing?.silenceLimitMs(this.#silences.nodeId),
    };
    this.#watch = new PromptWatch(server.address, limits, performance.now(), investedMs);
    this.#progress = new PromptProgress(prompt, weights);
    this.#pace = new PollPace(pollMs);
    this.#hearing = new PromptHearing(server, promptId, {
      onEvent: (event) => this.#take(event),
      onQueueChange: () => this.#alarm.ring(),
    });
  }

  /**
   * Polls until a prompt that the server has, or had, has ended. A broken socket, a failed poll or a
   * late history entry does not end the following.
   *
   * @throws TaskError SERVER_UNREACHABLE or SERVER_FAULT if the server gives no proper answer for the
   *   time in {@link WatchLimits}; SERVER_STUCK. The prompt may still run then.
   */
  async end(): Promise<PromptEnd> {
    if (this.#options.isNew) await this.#pause();
    for (;;) {
      const verdict = await this.#poll();
      if (verdict instanceof TaskError) throw verdict;
      if (verdict !== undefined) {
        this.#options.timing?.noteEnd(verdict, this.#silences.longestMs());
        return verdict;
      }
      await this.#pause();
    }
  }

  /** Listens no longer. */
  [Symbol.dispose](): void {
    this.#hearing[Symbol.dispose]();
  }

  async #pause(): Promise<void> {
    await this.#alarm.wait(this.#pace.pauseMs(performance.now()), this.#options.signal);
  }

  async #poll(): Promise<WatchVerdict> {
    const { signal, onSighting } = this.#options;
    let sighting: PromptSighting;
    try {
      const look = this.#pace.isEndTold ? lookForEnd : lookOnce;
      sighting = await look(this.#server, this.#promptId, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof TaskError)) throw error;
      return this.#watch.noteFailure(error, isRefused(error), performance.now());
    }
    const nowMs = performance.now();
    onSighting?.(sighting);
    const heardSinceMs = this.#hearing.check(sighting, this.#watch.isHearingInDoubt(nowMs));
    if (sighting.state === "running" && heardSinceMs === undefined)
      this.#silences.noteUnheard(nowMs - this.#polledAtMs);
    this.#polledAtMs = nowMs;
    const isRestarted = this.#server.restartSignCount > this.#restartSignCount;
    return this.#watch.noteSighting(sighting, heardSinceMs, isRestarted, nowMs);
  }

  #take(event: PromptEvent): void {
    const nowMs = performance.now();
    this.#watch.noteEvent(nowMs);
    this.#pace.noteEvent(nowMs);
    if (this.#progress.apply(event)) this.#options.onProgress?.(this.#progress.update);
    this.#silences.note(this.#progress.runningId, event.type === "execution_start", nowMs);
    const end = this.#heardEnd.take(event);
    if (end !== undefined) this.#watch.noteEndByEvents(end);
    if (!isLast(event)) return;
    this.#pace.noteEnd(nowMs);
    this.#alarm.ring();
  }
}

function isLast(event: PromptEvent): boolean {
  if (event.type === "executing") return event.nodeId === undefined;
  return /^execution_(success|error|interrupted)$/.test(event.type);
}

/**
 * Decides how soon to poll again: rarely while events arrive, soon when an event has told the
 * prompt's end.
 */
class PollPace {
  readonly #pollMs: number;
  #eventAtMs = Number.NEGATIVE_INFINITY;
  #endAtMs: number | undefined;

  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  noteEvent(nowMs: number): void {
    this.#eventAtMs = nowMs;
  }

  get isEndTold(): boolean {
    return this.#endAtMs !== undefined;
  }

  noteEnd(nowMs: number): void {
    this.#endAtMs ??= nowMs;
  }

  pauseMs(nowMs: number): number {
    if (this.#endAtMs !== undefined) return clamp((nowMs - this.#endAtMs) / 4, 20, this.#pollMs);
    return nowMs - this.#eventAtMs < 2 * this.#pollMs ? 3 * this.#pollMs : this.#pollMs;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
