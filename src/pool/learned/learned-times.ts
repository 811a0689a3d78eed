import type { LearnedTime } from "../../domain/learned-time.js";

/** What decides how long a prompt takes, but for the server. */
export interface TimedPrompt {
  /** Names the workflow's version and the settings that it runs with. */
  readonly kind: string;
  /** Frames x pixels of the input; undefined: not known, so that nothing is learned or told of it. */
  readonly framePixels: number | undefined;
}

/**
 * How much of what a prompt needs its server has in memory. `warm`: the prompt before it was of the
 * same kind; `cold`: another one ran in between, or nobody knows what; `fresh`: none of its kind has
 * run there since the server's start.
 */
export type Warmth = "warm" | "cold" | "fresh";

/** A prompt on a server of some class. */
export interface TimedRun {
  readonly prompt: TimedPrompt;
  /** Servers of one class have the same devices, so that what one took is told of the others. */
  readonly serverClass: string;
  readonly warmth: Warmth;
}

type Average = NonNullable<LearnedTime["average"]>;

interface Entry {
  longestMs?: number;
  average?: Average;
}

/** From the quickest to the slowest. */
const WARMTHS: readonly Warmth[] = ["warm", "cold", "fresh"];
/** How much the latest run counts in an average. */
const LATEST_SHARE = 0.3;
/** Series that are remembered; those that were not learned for longest go first. */
const MAX_SERIES_COUNT = 2_000;

/**
 * What was learned of how long prompts run and are silent, of runs that ended well. Pure. Larger
 * inputs and colder servers are taken to take longer: what was learned of them bounds the others.
 */
export class LearnedTimes {
  /** By series, then by the logarithm of the size. The series learned last comes last. */
  readonly #series = new Map<string, Map<number, Entry>>();
  /** What was learned since {@link takeNews}: series and logarithm, by both. */
  readonly #news = new Map<string, readonly [series: string, sizeLog2: number]>();

  /** A prompt ran for so long. */
  noteRun(run: TimedRun, runMs: number): void {
    const { framePixels } = run.prompt;
    if (framePixels === undefined) return;
    const entry = this.#learn(seriesOf(run), sizeLog2(framePixels));
    const before = entry.average;
    entry.average = {
      ms: averaged(before?.ms, runMs),
      framePixels: averaged(before?.framePixels, framePixels),
    };
  }

  /** A node of a prompt was silent for so long at most. */
  noteSilence(run: TimedRun, nodeId: string, silenceMs: number): void {
    const { framePixels } = run.prompt;
    if (framePixels === undefined) return;
    const entry = this.#learn(seriesOf(run, nodeId), sizeLog2(framePixels));
    entry.longestMs = Math.max(entry.longestMs ?? 0, silenceMs);
  }

  /** How long a prompt is expected to run on a server that has run its kind before; undefined: never timed there. */
  predictMs({ framePixels, kind }: TimedPrompt, serverClass: string): number | undefined {
    if (framePixels === undefined) return undefined;
    for (const warmth of WARMTHS) {
      const series = seriesOf({ prompt: { kind, framePixels }, serverClass, warmth });
      const averages = [...(this.#series.get(series)?.values() ?? [])].flatMap(
        ({ average }) => average ?? [],
      );
      if (averages.length > 0) return interpolate(averages, framePixels);
    }
    return undefined;
  }

  /**
   * The longest that a node of such a prompt has been silent, with an input of this size or smaller and
   * a server as warm or warmer; undefined where it was never timed with an input at least as large on a
   * server that was no warmer.
   */
  longestSilenceMs(run: TimedRun, nodeId: string): number | undefined {
    const { framePixels } = run.prompt;
    if (framePixels === undefined) return undefined;
    const least = sizeLog2(framePixels);
    const from = WARMTHS.indexOf(run.warmth);
    for (const [at, warmth] of WARMTHS.entries()) {
      if (at < from) continue;
      const sizes = this.#series.get(seriesOf({ ...run, warmth }, nodeId))?.keys() ?? [];
      const bound = Math.min(...[...sizes].filter((size) => size >= least));
      if (Number.isFinite(bound)) return this.#longest(run, nodeId, at, bound);
    }
    return undefined;
  }

  /** Takes in what other processes have learned, or this one before its restart. */
  merge(times: readonly LearnedTime[]): void {
    for (const { series, sizeLog2: size, longestMs, average } of times) {
      const entry = this.#entry(series, size);
      if (longestMs !== undefined) entry.longestMs = Math.max(entry.longestMs ?? 0, longestMs);
      const isOurs = entry.average !== undefined && this.#news.has(newsKey(series, size));
      if (average !== undefined && !isOurs) entry.average = average;
    }
  }

  /** What was learned since the last call. */
  takeNews(): readonly LearnedTime[] {
    const news = [...this.#news.values()].flatMap(([series, size]): LearnedTime[] => {
      const entry = this.#series.get(series)?.get(size);
      return entry === undefined ? [] : [{ series, sizeLog2: size, ...entry }];
    });
    this.#news.clear();
    return news;
  }

  /** Tells that what {@link takeNews} gave was not kept: it is news again. */
  noteUnsaved(times: readonly LearnedTime[]): void {
    for (const { series, sizeLog2: size } of times)
      if (this.#series.get(series)?.has(size))
        this.#news.set(newsKey(series, size), [series, size]);
  }

  #longest(run: TimedRun, nodeId: string, warmthAt: number, size: number): number {
    const silences = WARMTHS.slice(0, warmthAt + 1).flatMap((warmth) => {
      const entries = this.#series.get(seriesOf({ ...run, warmth }, nodeId)) ?? new Map();
      return [...entries].flatMap(([at, { longestMs = 0 }]) => (at <= size ? [longestMs] : []));
    });
    return Math.max(...silences);
  }

  #learn(series: string, size: number): Entry {
    this.#news.set(newsKey(series, size), [series, size]);
    return this.#entry(series, size);
  }

  #entry(series: string, size: number): Entry {
    const entries = this.#series.get(series) ?? new Map<number, Entry>();
    this.#series.delete(series);
    this.#series.set(series, entries);
    const [oldest] = this.#series.keys();
    if (this.#series.size > MAX_SERIES_COUNT && oldest !== undefined) this.#series.delete(oldest);
    const entry = entries.get(size) ?? {};
    entries.set(size, entry);
    return entry;
  }
}

function seriesOf({ prompt, serverClass, warmth }: TimedRun, nodeId?: string): string {
  return JSON.stringify([
    prompt.kind,
    serverClass,
    warmth,
    ...(nodeId === undefined ? [] : [nodeId]),
  ]);
}

function newsKey(series: string, size: number): string {
  return `${size} ${series}`;
}

function sizeLog2(framePixels: number): number {
  return Math.floor(Math.log2(Math.max(1, framePixels)));
}

function averaged(before: number | undefined, latest: number): number {
  return before === undefined ? latest : before + (latest - before) * LATEST_SHARE;
}

/**
 * Straight between the two sizes that lie around this one; below the smallest as long as that, above
 * the largest in proportion to it.
 */
function interpolate(averages: readonly Average[], framePixels: number): number {
  const sorted = averages.toSorted((a, b) => a.framePixels - b.framePixels);
  const above = sorted.find((average) => average.framePixels >= framePixels);
  const below = sorted.findLast((average) => average.framePixels < framePixels);
  if (below === undefined) return above?.ms ?? 0;
  if (above === undefined) return (below.ms * framePixels) / below.framePixels;
  const ratio = (framePixels - below.framePixels) / (above.framePixels - below.framePixels);
  return below.ms + (above.ms - below.ms) * ratio;
}
