import { TaskError } from "../../domain/errors.js";
import type { PromptSighting } from "./look-for-prompt.js";
import type { PromptEnd } from "./prompt-end.js";

/** How long a prompt's server and its history are waited for. */
export interface WatchLimits {
  /** A prompt without a sign of life for so long is stuck; four times as long where its events cannot be heard. */
  readonly stallMs: number;
  /** A server that takes no connection is waited for so long: its process is gone. */
  readonly refusedMs: number;
  /** A silent server may still work on the prompt: it is waited for as long as it had worked on it, but at least... */
  readonly silentMinMs: number;
  /** ...and at most so long. */
  readonly silentMaxMs: number;
  /** A waiting prompt while nothing runs for so long: the thread that runs prompts is dead. */
  readonly deadWorkerMs: number;
  /** Found nowhere for so long is lost... */
  readonly absentMs: number;
  /** ...or for so long where it was seen running, or heard to end, and nothing speaks for a restart. */
  readonly lateHistoryMs: number;
  /** A prompt that has run for so long in all is given up. @default no limit */
  readonly runMaxMs?: number;
}

/** What following a prompt comes to; undefined while it goes on. */
export type WatchVerdict = PromptEnd | TaskError | undefined;

/**
 * Decides when a followed prompt has ended, is lost, is stuck, or its server is. Pure: it is told
 * what polls and events brought, with the time by a monotonic clock.
 *
 * Polls are the truth. Events only tell that the prompt is alive, and how it ended should the
 * server's history have nothing of it.
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

  /** An event of the prompt: it is alive, and so is the server. */
  noteEvent(nowMs: number): void {
    this.#livedAtMs = nowMs;
    this.#failingSinceMs = undefined;
    this.#refusedSinceMs = undefined;
  }

  /** An event said how the prompt ended; its history entry may be late. */
  noteEndByEvents(end: PromptEnd): void {
    this.#endByEvents ??= end;
  }

  /** A poll failed. */
  noteFailure(error: TaskError, isRefused: boolean, nowMs: number): WatchVerdict {
    this.#failingSinceMs ??= nowMs;
    this.#refusedSinceMs = isRefused ? (this.#refusedSinceMs ?? nowMs) : undefined;
    // What could not be seen is no silence of the prompt's.
    this.#excuseSilence(1, nowMs);
    const { refusedMs, silentMinMs, silentMaxMs } = this.#limits;
    const investedMs = this.#failingSinceMs - this.#beganAtMs;
    const silentMs = Math.min(silentMaxMs, Math.max(silentMinMs, investedMs));
    const isGone = nowMs - (this.#refusedSinceMs ?? nowMs) >= refusedMs;
    return isGone || nowMs - this.#failingSinceMs >= silentMs ? error : undefined;
  }

  /**
   * A poll succeeded.
   *
   * @param isHearing whether the prompt's events could be heard since the last poll
   * @param isRestarted whether something speaks for a restart of the server since the prompt was sent
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

  /** Lets a share of the time since the last look not count as silence. */
  #excuseSilence(share: number, nowMs: number): void {
    this.#livedAtMs = Math.min(nowMs, this.#livedAtMs + share * (nowMs - this.#seenAtMs));
    this.#seenAtMs = nowMs;
  }

  #noteState(isRunning: boolean, isBehindAnother: boolean, nowMs: number): void {
    if (isBehindAnother || (isRunning && !this.#wasRunning)) this.#livedAtMs = nowMs;
    // What was put into it before counts, where it ran by the first look.
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

// What nobody can hear is no proof, but no reason to wait for ever either.
const UNHEARD_SHARE = 0.75;
