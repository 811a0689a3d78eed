import type { FilmFacts } from "../film-facts.js";
import { decodedFrames } from "../read/decode-pictures.js";
import type { FilmIndex } from "../read/film-index.js";
import { type OpenFilm, openFilm } from "../read/open-film.js";
import { seekToKey } from "../read/seek-to-key.js";
import { differenceOf, type Thumbnail, thumbnailOf } from "./thumbnail.js";

/** A decoder goes at most so many packets to reach a frame that is looked at. */
const MAX_PACKETS_TO_LOOK = 400;
/** Looks at most for one border; the latest key frames are looked at first. */
const MAX_LOOKS = 3;

/** Finds out where a film certainly begins another scene: at key frames, by the frames around them. */
export class SceneCuts implements AsyncDisposable {
  readonly #path: string;
  readonly #facts: FilmFacts;
  readonly #index: FilmIndex;
  readonly #signal: AbortSignal;
  readonly #candidates: readonly Candidate[];
  readonly #known = new Map<number, boolean>();
  /** Opened with the first look. */
  #film: OpenFilm | undefined;

  constructor(path: string, facts: FilmFacts, index: FilmIndex, signal: AbortSignal) {
    this.#path = path;
    this.#facts = facts;
    this.#index = index;
    this.#signal = signal;
    this.#candidates = candidatesOf(index);
  }

  /** The last frame of a span, both ends included, that certainly begins another scene. */
  async lastCut(from: number, to: number): Promise<number | undefined> {
    const inside = this.#candidates.filter(({ frame }) => frame >= from && frame <= to);
    for (const candidate of inside.reverse().slice(0, MAX_LOOKS))
      if (await this.#look(candidate)) return candidate.frame;
    return undefined;
  }

  /** Whether a frame certainly begins another scene. */
  async isCut(frame: number): Promise<boolean> {
    const candidate = this.#candidates.find((other) => other.frame === frame);
    return candidate !== undefined && (await this.#look(candidate));
  }

  async #look(candidate: Candidate): Promise<boolean> {
    const known = this.#known.get(candidate.frame);
    if (known !== undefined) return known;
    const isCut = looksLikeCut(await this.#thumbnails(candidate));
    this.#known.set(candidate.frame, isCut);
    return isCut;
  }

  /** Of two frames before the key frame, of itself, and of the next. */
  async #thumbnails({ frame, previousKey }: Candidate): Promise<readonly Thumbnail[]> {
    const { ticks, packets, shownRanks } = this.#index;
    const wanted = [frame - 2, frame - 1, frame, frame + 1].map(
      (number) => ticks[packets[shownRanks[number] ?? -1] ?? -1],
    );
    const found = new Map<number, Thumbnail>();
    this.#film ??= await openFilm(this.#path, this.#signal);
    await seekToKey(this.#film, ticks[previousKey] ?? 0);
    for await (const shown of decodedFrames(this.#film, this.#signal)) {
      const at = Number(shown.bestEffortTimestamp);
      if (wanted.includes(at)) found.set(at, thumbnailOf(shown, this.#facts.bitDepth));
      if (found.size === wanted.length) break;
    }
    return wanted.flatMap((at) => found.get(at ?? Number.NaN) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#film?.[Symbol.asyncDispose]();
  }
}

interface Candidate {
  /** The number of the frame. */
  readonly frame: number;
  /** The packet of the key frame before it. */
  readonly previousKey: number;
}

/**
 * Key frames that an encoder put where it saw another scene. Where more than half of all are equally
 * far apart, those come by the clock.
 */
function candidatesOf({ keys, ranks, shownRanks }: FilmIndex): readonly Candidate[] {
  const distances = keys.map((key, at) => key - (keys[at - 1] ?? key));
  const usual = mostCommon(distances);
  const frames = new Map(Array.from(shownRanks, (rank, frame) => [rank, frame]));
  return keys.flatMap((key, at) => {
    const distance = distances[at] ?? 0;
    const frame = frames.get(ranks[key] ?? -1);
    const previousKey = keys[at - 1];
    if (frame === undefined || previousKey === undefined) return [];
    return distance === usual || distance > MAX_PACKETS_TO_LOOK ? [] : [{ frame, previousKey }];
  });
}

/** Undefined: none makes up half of all. */
function mostCommon(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [value, count] = [...counts].reduce(
    (best, entry) => (entry[1] > best[1] ? entry : best),
    [0, 0],
  );
  return count > values.length / 2 ? value : undefined;
}

/** A cut changes the picture by this much at least, and so much more than the frames around it change. */
const LEAST_CHANGE = 8;
const LEAST_FACTOR = 3;

/** Fades, flashes and fast motion change the frames around too. */
function looksLikeCut(thumbnails: readonly Thumbnail[]): boolean {
  const [before, last, first, next] = thumbnails;
  if (!before || !last || !first || !next) return false;
  const around = Math.max(differenceOf(before, last), differenceOf(first, next));
  return differenceOf(last, first) > Math.max(LEAST_CHANGE, around * LEAST_FACTOR);
}
