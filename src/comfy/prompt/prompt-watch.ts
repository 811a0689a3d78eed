import { TaskError } from "../../domain/errors.js";
import type { PromptSighting } from "./look-for-prompt.js";
import type { PromptEnd } from "./prompt-end.js";

/** How long to wait for a prompt's server and its history. */
export interface WatchLimits {
  /**
   * A prompt without a sign of life for this time is stuck. If its events cannot be heard, four
   * times this time.
   */
  readonly stallMs: number;
  /** A server that refuses connections for this time is given up, because its process is gone. */
  readonly refusedMs: number;
  /**
   * A silent server may still work on the prompt. It is given up after the time that it had worked
   * on the prompt, but not before this time...
   */
  readonly silentMinMs: number;
  /** ...and not after this time. */
  readonly silentMaxMs: number;
  /**
   * If the prompt waits for this time while no prompt runs, the thread that runs prompts is dead.
   */
  readonly deadWorkerMs: number;
  /** A prompt that is not found for this time is lost... */
  readonly absentMs: number;
  /**
   * ...or for this time, if it was seen running or heard to end, and there is no sign of a restart.
   */
  readonly lateHistoryMs: number;
  /** A prompt that has run for this time in total is given up. @default no limit */
  readonly runMaxMs?: number;
}

/** The result of following a prompt. Undefined while it continues. */
export type WatchVerdict = PromptEnd | TaskError | undefined;

/**
 * Decides when a followed prompt has ended, is lost or is stuck, and when its server is. It does no
 * I/O: it takes the results of polls and events, with the time by a monotonic clock.
 *
 * Polls decide. Events only show that the prompt is alive. They also show how it ended, if the
 * server's history does not.
 */
export class PromptWatch {
  readonly #limits: WatchLimits;
  readonly #address: string;
  readonly #beganAtMs: number;
  readonly #investedMs: number;
  #wasRunning = false;
  #wasSeen = false;
  #runningSinceMs: number | undefined;
  #isPendingAlone = false;
  #livedAtMs: number;
  #seenAtMs: number;
  #aloneSinceMs = 0;
  #absentSinceMs: number | undefined;
  #failingSinceMs: number | undefined;
  #refusedSinceMs: number | undefined;
  #endByEvents: PromptEnd | undefined;

  /** @param investedMs how long the server had worked on the prompt before */
  constructor(address: string, limits: WatchLimits, nowMs: number, investedMs = 0) {
    this.#address = address;
    this.#limits = limits;
    this.#investedMs = investedMs;
    this.#beganAtMs = nowMs - investedMs;
    this.#livedAtMs = nowMs;
    this.#seenAtMs = nowMs;
  }

  /** Takes an event of the prompt: the prompt and the server are alive. */
  noteEvent(nowMs: number): void {
    this.#livedAtMs = nowMs;
    this.#failingSinceMs = undefined;
    this.#refusedSinceMs = undefined;
  }

  /** Takes the end that an event told. The history entry may be late. */
  noteEndByEvents(end: PromptEnd): void {
    this.#endByEvents ??= end;
  }

  /** Takes a failed poll. */
  noteFailure(error: TaskError, isRefused: boolean, nowMs: number): WatchVerdict {
    this.#failingSinceMs ??= nowMs;
    this.#refusedSinceMs = isRefused ? (this.#refusedSinceMs ?? nowMs) : undefined;
    // The prompt could not be observed, so this time is not silence of the prompt.
    this.#excuseSilence(1, nowMs);
    const { refusedMs, silentMinMs, silentMaxMs } = this.#limits;
    const investedMs = this.#failingSinceMs - this.#beganAtMs;
    const silentMs = Math.min(silentMaxMs, Math.max(silentMinMs, investedMs));
    const isGone = nowMs - (this.#refusedSinceMs ?? nowMs) >= refusedMs;
    return isGone || nowMs - this.#failingSinceMs >= silentMs ? error : undefined;
  }

  /**
   * Takes a successful poll.
   *
   * @param isHearing whether the prompt's events could be heard since the last poll
   * @param isRestarted whether there is a sign of a restart of the server since the prompt was sent
   */
  noteSighting(
    sighting: PromptSighting,
    isHearing: boolean,
    isRestarted: boolean,
    nowMs: number,
  ): WatchVerdict {
    this.#failingSinceMs = undefined;
    this.#refusedSinceMs = undefined;
    this.#excuseSilence(isHearing ? 0 : UNHEARD_SHARE, nowMs);
    if (sighting.state === "ended") return sighting.end;
    if (sighting.state === "absent") return this.#judgeAbsence(isRestarted, nowMs);
    this.#absentSinceMs = undefined;
    this.#noteState(sighting.state === "running", sighting.isBehindAnother, nowMs);
    return this.#judgeRunTime(nowMs) ?? this.#judgeSilence(nowMs);
  }

  /** Excludes a share of the time since the last look from the prompt's silence. */
  #excuseSilence(share: number, nowMs: number): void {
    this.#livedAtMs = Math.min(nowMs, this.#livedAtMs + share * (nowMs - this.#seenAtMs));
    this.#seenAtMs = nowMs;
  }

  #noteState(isRunning: boolean, isBehindAnother: boolean, nowMs: number): void {
    if (isBehindAnother || (isRunning && !this.#wasRunning)) this.#livedAtMs = nowMs;
    // If the prompt already ran at the first look, the earlier work on it counts as run time too.
    if (isRunning) this.#runningSinceMs ??= this.#wasSeen ? nowMs : nowMs - this.#investedMs;
    this.#wasSeen = true;
    this.#wasRunning ||= isRunning;
    const isAlone = !isRunning && !isBehindAnother;
    if (isAlone && !this.#isPendingAlone) this.#aloneSinceMs = nowMs;
    this.#isPendingAlone = isAlone;
  }

  #judgeAbsence(isRestarted: boolean, nowMs: number): WatchVerdict {
    if (this.#absentSinceMs === undefined) {
      this.#absentSinceMs = nowMs;
      return undefined;
    }
    const isLate = !isRestarted && (this.#wasRunning || this.#endByEvents !== undefined);
    const limitMs = isLate ? this.#limits.lateHistoryMs : this.#limits.absentMs;
    if (nowMs - this.#absentSinceMs < limitMs) return undefined;
    return this.#endByEvents ?? { kind: "lost" };
  }

  #judgeRunTime(nowMs: number): TaskError | undefined {
    const { runMaxMs = Number.POSITIVE_INFINITY } = this.#limits;
    if (nowMs - (this.#runningSinceMs ?? nowMs) < runMaxMs) return undefined;
    const hours = Number((runMaxMs / 3_600_000).toPrecision(3));
    return new TaskError(
      "TASK_TIMEOUT",
      `Cannot finish within ${hours} h, the limit of one prompt`,
    );
  }

  #judgeSilence(nowMs: number): WatchVerdict {
    const { stallMs, deadWorkerMs } = this.#limits;
    if (this.#isPendingAlone && nowMs - this.#aloneSinceMs >= Math.min(deadWorkerMs, stallMs)) {
      return this.#stuck("a prompt waits although none runs");
    }
    const silentMs = nowMs - this.#livedAtMs;
    if (silentMs < stallMs) return undefined;
    return this.#stuck(`no progress for ${Math.round(silentMs / 1_000)} s`);
  }

  #stuck(reason: string): TaskError {
    return new TaskError("SERVER_STUCK", `Server "${this.#address}" is stuck: ${reason}`);
  }
}

// If events cannot be heard, silence proves little, but it must not be waited for without a limit.
// So only a quarter of the time counts.
const UNHEARD_SHARE = 0.75;
