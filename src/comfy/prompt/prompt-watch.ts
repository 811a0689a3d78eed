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
  /** The same for the node that runs now, where less is known to be enough; only of a prompt that is heard. */
  readonly learnedStallMs?: () => number | undefined;
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
  #isRunning = false;
  #wasRunning = false;
  #wasSeen = false;
  #runningSinceMs: number | undefined;
  #isPendingAlone = false;
  #livedAtMs: number;
  #seenAtMs: number;
  /** Since when the prompt is heard over a connection made during its present silence. */
  #provenSinceMs: number | undefined;
  #unheardSinceMs: number | undefined;
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
    this.#live(nowMs);
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
   * @param heardSinceMs since when the events can be heard over the present connection; undefined:
   *   they cannot
   * @param isRestarted whether there is a sign of a restart of the server since the prompt was sent
   */
  noteSighting(
    sighting: PromptSighting,
    heardSinceMs: number | undefined,
    isRestarted: boolean,
    nowMs: number,
  ): WatchVerdict {
    this.#failingSinceMs = undefined;
    this.#refusedSinceMs = undefined;
    this.#excuseSilence(heardSinceMs === undefined ? UNHEARD_SHARE : 0, nowMs);
    this.#noteHearing(heardSinceMs, nowMs);
    if (sighting.state === "ended") return sighting.end;
    if (sighting.state === "absent") return this.#judgeAbsence(isRestarted, nowMs);
    this.#absentSinceMs = undefined;
    this.#noteState(sighting.state === "running", sighting.aheadId !== undefined, nowMs);
    return this.#judgeRunTime(nowMs) ?? this.#judgeSilence(nowMs);
  }

  /**
   * Whether the connection should be made anew: it is older than the prompt's present silence, which
   * may be its own fault, and half of what is known to be enough has passed.
   */
  isHearingInDoubt(nowMs: number): boolean {
    if (!this.#isRunning || this.#provenSinceMs !== undefined) return false;
    return nowMs - this.#livedAtMs >= this.#learnedStallMs() / 2;
  }

  #live(nowMs: number): void {
    this.#livedAtMs = nowMs;
    this.#provenSinceMs = undefined;
  }

  #noteHearing(heardSinceMs: number | undefined, nowMs: number): void {
    if (heardSinceMs === undefined) {
      this.#unheardSinceMs ??= nowMs;
      if (nowMs - this.#unheardSinceMs >= RECONNECT_MS) this.#provenSinceMs = undefined;
    } else {
      this.#unheardSinceMs = undefined;
      if (heardSinceMs > this.#livedAtMs) this.#provenSinceMs ??= heardSinceMs;
    }
  }

  /** Excludes a share of the time since the last look from the prompt's silence. */
  #excuseSilence(share: number, nowMs: number): void {
    this.#livedAtMs = Math.min(nowMs, this.#livedAtMs + share * (nowMs - this.#seenAtMs));
    this.#seenAtMs = nowMs;
  }

  #noteState(isRunning: boolean, isBehindAnother: boolean, nowMs: number): void {
    if (isBehindAnother || (isRunning && !this.#wasRunning)) this.#live(nowMs);
    this.#isRunning = isRunning;
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
    if (silentMs < stallMs && !this.#isStuckAsLearned(silentMs, nowMs)) return undefined;
    return this.#stuck(`no progress for ${Math.round(silentMs / 1_000)} s`);
  }

  /** What is known of other runs holds for what is heard: half of the time over a connection of its own. */
  #isStuckAsLearned(silentMs: number, nowMs: number): boolean {
    if (!this.#isRunning || this.#unheardSinceMs !== undefined) return false;
    if (this.#provenSinceMs === undefined) return false;
    const limitMs = this.#learnedStallMs();
    return silentMs >= limitMs && nowMs - this.#provenSinceMs >= limitMs / 2;
  }

  #learnedStallMs(): number {
    return this.#limits.learnedStallMs?.() ?? Number.POSITIVE_INFINITY;
  }

  #stuck(reason: string): TaskError {
    return new TaskError("SERVER_STUCK", `Server "${this.#address}" is stuck: ${reason}`);
  }
}

// If events cannot be heard, silence proves little, but it must not be waited for without a limit.
// So only a quarter of the time counts.
const UNHEARD_SHARE = 0.75;
/** A connection that is made anew hears nothing for a moment, which is no reason to doubt it. */
const RECONNECT_MS = 5_000;
