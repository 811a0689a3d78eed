/** What the workflow's network and the servers' memory ask of a piece. */
export interface PieceOptions {
  /** Frames at most that the network is given: own ones and context. */
  readonly maxFrames: number;
  /** Frames of the same shot that the network is given before and after its own. @default 0 */
  readonly before?: number;
  readonly after?: number;
  /**
   * What the network is given is `multiple * n + plus` frames where the film has as many, e.g. 4n + 1.
   * @default 1 and 0
   */
  readonly multiple?: number;
  readonly plus?: number;
}

/** Frames of a film as numbers in the order of showing. */
export interface FrameSpan {
  readonly firstFrame: number;
  readonly frameCount: number;
  readonly beforeCount: number;
  readonly afterCount: number;
}

/** A film as the plan sees it. */
export interface FilmOutline {
  readonly frameCount: number;
  /** How many frames are decoded in vain to reach one. */
  skipTo(frame: number): number;
  /** The last frame in a span that certainly begins another scene; undefined: none is known. */
  lastCut(fromFrame: number, toFrame: number): Promise<number | undefined>;
}

/** A shorter chunk for less decoding, but not shorter than this part of what fits. */
const LEAST_PART = 0.75;
/** With fewer chunks left all are of equal length, so that the last is not tiny. */
const CHUNKS_TO_BALANCE = 4;
/** A cut nearer than this part of a chunk is not worth a chunk of its own. */
const LEAST_PART_TO_CUT = 0.4;

/**
 * The next piece of a film. It depends on nothing but its first frame, so that a plan can go on where
 * another process left it.
 *
 * @param beginsScene - whether its first frame is another scene than the one before it.
 */
export async function nextPiece(
  film: FilmOutline,
  firstFrame: number,
  beginsScene: boolean,
  options: PieceOptions,
): Promise<FrameSpan> {
  const { before = 0, after = 0 } = options;
  const beforeCount = beginsScene ? 0 : Math.min(before, firstFrame);
  const room = Math.max(1, suitedBelow(options.maxFrames, options) - beforeCount);
  const rest = film.frameCount - firstFrame;
  const start = { firstFrame, beforeCount, beginsScene };
  if (rest <= room) return suit(film, start, rest, options);
  const least = leastTo(room);
  const latest = Math.min(firstFrame + room, film.frameCount - least);
  const cut = await film.lastCut(firstFrame + least, latest);
  if (cut !== undefined) return suit(film, start, cut - firstFrame, options);
  const largest = Math.max(1, room - after);
  const frameCount = bestLength(film, firstFrame, largest, options);
  return { firstFrame, frameCount, beforeCount, afterCount: after };
}

function leastTo(room: number): number {
  return Math.max(1, Math.ceil(room * LEAST_PART_TO_CUT));
}

/** Of the lengths that suit, the one behind which the next piece decodes the fewest frames in vain. */
function bestLength(
  film: FilmOutline,
  firstFrame: number,
  largest: number,
  { multiple = 1, before = 0 }: PieceOptions,
): number {
  const chunksLeft = Math.ceil((film.frameCount - firstFrame) / largest);
  const equal = Math.ceil((film.frameCount - firstFrame) / chunksLeft);
  const isNearEnd = chunksLeft < CHUNKS_TO_BALANCE;
  const least = isNearEnd ? equal : Math.min(equal, Math.ceil(largest * LEAST_PART));
  let [best, bestSkip] = [largest, Number.POSITIVE_INFINITY];
  // `largest` suits, and so does each length that is a multiple shorter.
  for (let length = largest; length >= least; length -= multiple) {
    const skip = film.skipTo(Math.max(0, firstFrame + length - before));
    if (skip > bestSkip || (skip === bestSkip && length < equal)) continue;
    [best, bestSkip] = [length, skip];
  }
  return best;
}

/**
 * Makes a piece whose end is given suit the network by more context: of its own scene before it, then
 * of whatever is behind it, then of whatever is before it. Where a film is shorter than that, it does
 * not suit.
 */
function suit(
  film: FilmOutline,
  {
    firstFrame,
    beforeCount,
    beginsScene,
  }: { firstFrame: number; beforeCount: number; beginsScene: boolean },
  frameCount: number,
  options: PieceOptions,
): FrameSpan {
  const given = beforeCount + frameCount;
  const missing = suitedAbove(given, options) - given;
  const isBefore = !beginsScene && firstFrame - beforeCount >= missing;
  const behind = film.frameCount - firstFrame - frameCount;
  const afterCount = isBefore ? 0 : Math.min(missing, behind);
  const more = Math.min(missing - afterCount, firstFrame - beforeCount);
  return { firstFrame, frameCount, beforeCount: beforeCount + more, afterCount };
}

function suitedBelow(count: number, { multiple = 1, plus = 0 }: PieceOptions): number {
  return count - mod(count - plus, multiple);
}

function suitedAbove(count: number, { multiple = 1, plus = 0 }: PieceOptions): number {
  return count + mod(plus - count, multiple);
}

function mod(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
