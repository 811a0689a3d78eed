import type { FilmFacts } from "../film-facts.js";
import { type FilmIndex, knownIndex, readIndex } from "../read/film-index.js";
import { openFilm } from "../read/open-film.js";
import { type FrameSpan, nextPiece, type PieceOptions } from "./next-piece.js";
import { SceneCuts } from "./scene-cuts.js";

/** Where the frames of a piece are in the film's file. */
export interface PieceSource {
  /** When the key frame is shown with which decoding begins, in ticks of the film. */
  readonly entryTicks: number;
  /** Packets of the picture from it on, in the order of decoding, that are shown at or after it or are needed. */
  readonly packetCount: number;
  /** Frames that are shown from the key frame on before the first that the network is given. */
  readonly skipCount: number;
  /** Whether it has to be encoded anew, without loss, because it cannot be cut. */
  readonly isEncoded: boolean;
}

/** A piece of a film that is to be cut for one prompt. */
export interface PlannedPiece extends FrameSpan {
  /** Of those before, so many are given back too, into which the piece before fades. Absent: none. */
  readonly leadCount?: number;
  /** From 0, in the order of the film. */
  readonly index: number;
  /** When its first own frame is shown, and for how long its own frames are, in seconds of the film. */
  readonly startSeconds: number;
  readonly durationSeconds: number;
  readonly source: PieceSource;
}

/** How a film is divided. */
export interface PlanOptions extends PieceOptions {
  /**
   * Frames at most that a server decodes in vain before a piece; beyond it the piece is encoded.
   * @default `maxFrames`: they take as much memory as the piece itself
   */
  readonly maxSkip?: number;
  /**
   * Frames before a piece, at most `before` and of the same shot, that it gives back too.
   * @default 0
   */
  readonly lead?: number;
}

/** Where a plan begins, or goes on behind pieces that are stored. */
export interface PlanStart {
  readonly index: number;
  readonly firstFrame: number;
}

/**
 * Plans the pieces of a film in order, one at a time: each is known before the next is looked for. The
 * same film, options and start give the same pieces.
 *
 * A border is put where another scene begins, if that is seen at a key frame; else inside a shot, with
 * frames of context on both sides. The last pieces are of about equal length.
 *
 * @param film - of `readFilm` for the same file.
 * @throws TaskError INPUT_DAMAGED.
 */
export async function* planPieces(
  path: string,
  film: FilmFacts,
  options: PlanOptions,
  start: PlanStart,
  signal: AbortSignal,
): AsyncGenerator<PlannedPiece, void, void> {
  const index = knownIndex(film) ?? (await indexAt(path, signal));
  await using cuts = new SceneCuts(path, film, index, signal);
  // Without context a border is as good anywhere.
  const hasContext = (options.before ?? 0) + (options.after ?? 0) > 0;
  const outline = {
    frameCount: index.shownRanks.length,
    skipTo: (frame: number) => entryOf(index, frame).skipCount,
    lastCut: async (from: number, to: number) =>
      hasContext ? await cuts.lastCut(from, to) : undefined,
    isCut: async (frame: number) => hasContext && (await cuts.isCut(frame)),
  };
  let { firstFrame } = start;
  for (let number = start.index; firstFrame < outline.frameCount; number += 1) {
    signal.throwIfAborted();
    const beginsScene = firstFrame === 0 || (await outline.isCut(firstFrame));
    const span = await nextPiece(outline, firstFrame, beginsScene, options);
    const leadCount = beginsScene ? 0 : Math.min(options.lead ?? 0, span.beforeCount);
    yield {
      index: number,
      ...span,
      ...(leadCount > 0 && { leadCount }),
      ...timesOf(film, span),
      source: sourceOf(index, span, options),
    };
    firstFrame += span.frameCount;
  }
}

async function indexAt(path: string, signal: AbortSignal): Promise<FilmIndex> {
  await using open = await openFilm(path, signal);
  return await readIndex(open, signal);
}

function timesOf(
  { times, timeBase, lastDuration }: FilmFacts,
  { firstFrame, frameCount }: FrameSpan,
) {
  const end = (times.at(-1) ?? 0) + lastDuration;
  const first = times[firstFrame] ?? end;
  const next = times[firstFrame + frameCount] ?? end;
  return {
    startSeconds: (first * timeBase.num) / timeBase.den,
    durationSeconds: ((next - first) * timeBase.num) / timeBase.den,
  };
}

/** The last key frame from which a frame can be reached. */
function entryOf(index: FilmIndex, frame: number): { packet: number; skipCount: number } {
  const rank = index.shownRanks[frame] ?? 0;
  const { keys } = index;
  let [low, high] = [0, keys.length - 1];
  // The ranks of keys grow with their numbers.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((index.ranks[keys[middle] ?? 0] ?? 0) <= rank) low = middle;
    else high = middle - 1;
  }
  const packet = keys[low] ?? 0;
  return { packet, skipCount: rank - (index.ranks[packet] ?? 0) };
}

function sourceOf(index: FilmIndex, span: FrameSpan, options: PlanOptions): PieceSource {
  const first = span.firstFrame - span.beforeCount;
  const last = span.firstFrame + span.frameCount + span.afterCount - 1;
  const { packet, skipCount } = entryOf(index, first);
  const [firstRank, lastRank] = [index.shownRanks[first] ?? 0, index.shownRanks[last] ?? 0];
  let end = packet;
  for (let rank = firstRank - skipCount; rank <= lastRank; rank += 1)
    end = Math.max(end, index.packets[rank] ?? 0);
  const isGapless = lastRank - firstRank === last - first;
  return {
    entryTicks: index.ticks[packet] ?? 0,
    packetCount: end + 1 - packet,
    skipCount,
    isEncoded: !isGapless || skipCount < 0 || skipCount > (options.maxSkip ?? options.maxFrames),
  };
}
