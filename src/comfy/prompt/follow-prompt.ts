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
import { lookOnce, type PromptSighting } from "./look-for-prompt.js";
import type { Prompt } from "./prompt.js";
import type { PromptEnd } from "./prompt-end.js";
import { PromptHearing } from "./prompt-hearing.js";
import { PromptProgress, type PromptUpdate } from "./prompt-progress.js";
import { PromptWatch, type WatchLimits, type WatchVerdict } from "./prompt-watch.js";
import { Silences } from "./silences.js";

/** Times of prompts, as {@link followPrompt} asks for them and tells them. */
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
 * Follows a prompt that the server has, or had, to its end. A broken socket, a failed poll or a
 * late history entry does not end the following.
 *
 * @throws TaskError SERVER_UNREACHABLE or SERVER_FAULT if the server gives no proper answer for the
 *   time in {@link WatchLimits}; SERVER_STUCK. The prompt may still run then.
 */
export async function followPrompt(
  server: ComfyServer,
  promptId: string,
  options: FollowOptions,
): Promise<PromptEnd> {
  const { signal, stallMs, investedMs, timing, pollMs = 1_000 } = options;
  const silences = new Silences();
  const limits = {
    ...DEFAULT_WATCH_LIMITS,
    absentMs: server.limits.absentPauseMs,
    ...options.watch,
    stallMs,
    learnedStallMs: () => timing?.silenceLimitMs(silences.nodeId),
  };
  const watch = new PromptWatch(server.address, limits, performance.now(), investedMs);
  const alarm = new Alarm();
  const pace = new PollPace(pollMs);
  const onEvent = eventHandler(options, { watch, silences, pace, alarm });
  const onQueueChange = (): void => alarm.ring();
  using hearing = new PromptHearing(server, promptId, { onEvent, onQueueChange });
  const poll = poller(server, promptId, options, { watch, silences, hearing });
  for (;;) {
    const verdict = await poll();
    if (verdict instanceof TaskError) throw verdict;
    if (verdict !== undefined) {
      timing?.noteEnd(verdict, silences.longestMs());
      return verdict;
    }
    await alarm.wait(pace.pauseMs(performance.now()), signal);
  }
}

interface Listening {
  readonly watch: PromptWatch;
  readonly silences: Silences;
}

function poller(
  server: ComfyServer,
  promptId: string,
  { signal, onSighting }: FollowOptions,
  { watch, silences, hearing }: Listening & { readonly hearing: PromptHearing },
): () => Promise<WatchVerdict> {
  const restartSignCount = server.restartSignCount;
  let polledAtMs = performance.now();
  return async () => {
    let sighting: PromptSighting;
    try {
      sighting = await lookOnce(server, promptId, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof TaskError)) throw error;
      return watch.noteFailure(error, isRefused(error), performance.now());
    }
    const nowMs = performance.now();
    onSighting?.(sighting);
    const heardSinceMs = hearing.check(sighting, watch.isHearingInDoubt(nowMs));
    if (sighting.state === "running" && heardSinceMs === undefined)
      silences.noteUnheard(nowMs - polledAtMs);
    polledAtMs = nowMs;
    const isRestarted = server.restartSignCount > restartSignCount;
    return watch.noteSighting(sighting, heardSinceMs, isRestarted, nowMs);
  };
}

function eventHandler(
  { prompt = {}, weights, onProgress }: FollowOptions,
  { watch, silences, pace, alarm }: Listening & { readonly pace: PollPace; readonly alarm: Alarm },
): (event: PromptEvent) => void {
  const progress = new PromptProgress(prompt, weights);
  const heard = new EndByEvents();
  return (event) => {
    const nowMs = performance.now();
    watch.noteEvent(nowMs);
    pace.noteEvent(nowMs);
    if (progress.apply(event)) onProgress?.(progress.update);
    silences.note(progress.runningId, event.type === "execution_start", nowMs);
    const end = heard.take(event);
    if (end !== undefined) watch.noteEndByEvents(end);
    if (!isLast(event)) return;
    pace.noteEnd(nowMs);
    alarm.ring();
  };
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
