/**
 * Following a prompt to its end. Events are a hint and polls (queue, then history) the truth: with
 * ComfyUI 0.3.64 a socket may go deaf or be held up by a stranger for minutes, and
 * `execution_success` comes before the history entry (38 of 100), `executing` without a node after it.
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

/** How to follow a prompt. */
export interface FollowOptions {
  /** Stops following when aborted; the prompt goes on. */
  readonly signal: AbortSignal;
  /** The prompt as submitted, for the progress; without it there is none. */
  readonly prompt?: Prompt;
  /** How much of the time each node takes, by node id, in any unit; those left out by class. */
  readonly weights?: { readonly [nodeId: string]: number };
  /** Called whenever the prompt has come further, with a ratio that never falls. */
  readonly onProgress?: (update: PromptUpdate) => void;
  /** A prompt that gives no sign of life for so long is stuck. Loading a model is silent. */
  readonly stallMs: number;
  /** How long the server had worked on the prompt before. @default 0 */
  readonly investedMs?: number;
  /** Between two polls while no events come. @default 1000 */
  readonly pollMs?: number;
  /** How long server and history are waited for. @default 15 s refused, 30 s to 10 min silent, 60 s dead worker, 10 s late history */
  readonly watch?: Partial<Omit<WatchLimits, "stallMs">>;
}

/** How long a prompt's server is waited for where nothing else is said. */
const DEFAULT_WATCH_LIMITS: Omit<WatchLimits, "stallMs" | "absentMs"> = {
  refusedMs: 15_000,
  silentMinMs: 30_000,
  silentMaxMs: 600_000,
  deadWorkerMs: 60_000,
  lateHistoryMs: 10_000,
};

/**
 * Follows a prompt that the server has, or had, to its end. A broken socket, a failed poll or a
 * history entry that comes late changes nothing.
 *
 * @throws TaskError SERVER_UNREACHABLE and SERVER_FAULT once the server has not given a proper answer
 *   for the time that {@link WatchLimits} allow; SERVER_STUCK. The prompt may then still run.
 */
export async function followPrompt(
  server: ComfyServer,
  promptId: string,
  options: FollowOptions,
): Promise<PromptEnd> {
  const { signal, stallMs, investedMs, pollMs = 1_000 } = options;
  const absentMs = server.limits.absentPauseMs;
  const limits = { ...DEFAULT_WATCH_LIMITS, absentMs, ...options.watch, stallMs };
  const watch = new PromptWatch(server.address, limits, performance.now(), investedMs);
  const alarm = new Alarm();
  const pace = new PollPace(pollMs);
  const onEvent = eventHandler(options, watch, pace, alarm);
  const onQueueChange = (): void => alarm.ring();
  using hearing = new PromptHearing(server, promptId, { onEvent, onQueueChange });
  const restartSignCount = server.restartSignCount;
  for (;;) {
    const isRestarted = (): boolean => server.restartSignCount > restartSignCount;
    const verdict = await poll(server, promptId, signal, watch, hearing, isRestarted);
    if (verdict instanceof TaskError) throw verdict;
    if (verdict !== undefined) return verdict;
    await alarm.wait(pace.pauseMs(performance.now()), signal);
  }
}

async function poll(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
  watch: PromptWatch,
  hearing: PromptHearing,
  isRestarted: () => boolean,
): Promise<WatchVerdict> {
  let sighting: PromptSighting;
  try {
    sighting = await lookOnce(server, promptId, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof TaskError)) throw error;
    return watch.noteFailure(error, isRefused(error), performance.now());
  }
  const isHearing = hearing.check(sighting);
  return watch.noteSighting(sighting, isHearing, isRestarted(), performance.now());
}

function eventHandler(
  { prompt = {}, weights, onProgress }: FollowOptions,
  watch: PromptWatch,
  pace: PollPace,
  alarm: Alarm,
): (event: PromptEvent) => void {
  const progress = new PromptProgress(prompt, weights);
  const heard = new EndByEvents();
  return (event) => {
    watch.noteEvent(performance.now());
    pace.noteEvent(performance.now());
    if (progress.apply(event)) onProgress?.(progress.update);
    const end = heard.take(event);
    if (end !== undefined) watch.noteEndByEvents(end);
    if (!isLast(event)) return;
    pace.noteEnd(performance.now());
    alarm.ring();
  };
}

function isLast(event: PromptEvent): boolean {
  if (event.type === "executing") return event.nodeId === undefined;
  return /^execution_(success|error|interrupted)$/.test(event.type);
}

/** How soon to poll again: seldom while events flow, soon after the prompt is said to have ended. */
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
