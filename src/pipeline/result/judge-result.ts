import type { Look, SeenFrame } from "./look.js";
import { difference, isPlain, isVaried } from "./thumbnail.js";

/** What a workflow makes of an input, as far as it is known before. */
export interface Promised {
  /** In pixels. A film's may be turned, and one of its edges another where its pixels are not square. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Frames of a film. */
  readonly frameCount?: number;
}

/** Networks pad and encoders want even edges, so that a few pixels may be missing or too many. */
const EDGE_TOLERANCE = { pixels: 8, ratio: 0.01 };
/** What decoders and containers make of frames that are late or doubled. */
const FRAME_TOLERANCE = { count: 2, ratio: 0.05 };
/** Mean levels of 255: frames that differ less are the same one; those that differ more are not. */
const SAME_LEVELS = 0.5;
const MOVING_LEVELS = 2;
/** Fewer frames do not tell that a film stands still. */
const LEAST_FRAMES = 3;

/**
 * Judges by its size and number of frames whether a result is what was promised.
 *
 * @returns what is wrong with it, to follow "the result"; undefined if nothing is.
 */
export function wrongShape(result: Look, { size, frameCount }: Promised): string | undefined {
  if (size !== undefined && !isSize(result, size))
    return `has ${result.width}x${result.height} pixels, not ${size.width}x${size.height}`;
  const { frameCount: count } = result;
  if (frameCount !== undefined && count !== undefined && !isCount(count, frameCount))
    return `has ${count} frames, not ${frameCount}`;
  return undefined;
}

/** Whether a result is of one colour or stands still, so that its input has to be looked at too. */
export function isSuspicious(result: Look): boolean {
  return isMostlyPlain(result.frames) || standsStill(result.frames);
}

/**
 * Judges whether a suspicious result cannot be of its input.
 *
 * @param input looked at where the result was.
 * @returns as {@link wrongShape}.
 */
export function wrongContent(result: Look, input: Look): string | undefined {
  const { frames } = result;
  if (isMostlyPlain(frames) && isMostlyVaried(input.frames))
    return `is of one colour${isBlack(frames) ? ", black," : ""} and the input is not`;
  if (standsStill(frames) && moves(input.frames)) return "stands still and the input does not";
  return undefined;
}

function isSize(found: Look, promised: NonNullable<Promised["size"]>): boolean {
  const edges = [found.width, found.height].toSorted((a, b) => a - b);
  const wanted = [promised.width, promised.height].toSorted((a, b) => a - b);
  const isRight = (edge: number, at: number): boolean => {
    const want = wanted[at] ?? edge;
    return Math.abs(edge - want) <= Math.max(EDGE_TOLERANCE.pixels, want * EDGE_TOLERANCE.ratio);
  };
  return found.frameCount === undefined ? edges.every(isRight) : edges.some(isRight);
}

function isCount(count: number, promised: number): boolean {
  const tolerance = Math.max(FRAME_TOLERANCE.count, promised * FRAME_TOLERANCE.ratio);
  return Math.abs(count - promised) <= tolerance;
}

function isMostlyPlain(frames: readonly SeenFrame[]): boolean {
  return frames.filter(({ thumbnail }) => isPlain(thumbnail)).length * 2 > frames.length;
}

function isMostlyVaried(frames: readonly SeenFrame[]): boolean {
  return frames.filter(({ thumbnail }) => isVaried(thumbnail)).length * 2 > frames.length;
}

function isBlack(frames: readonly SeenFrame[]): boolean {
  return frames.every(({ thumbnail }) => thumbnail.rgb.every((value) => value <= 16));
}

function standsStill(frames: readonly SeenFrame[]): boolean {
  if (frames.length < LEAST_FRAMES) return false;
  return stepsOf(frames).every((levels) => levels < SAME_LEVELS);
}

function moves(frames: readonly SeenFrame[]): boolean {
  return stepsOf(frames).some((levels) => levels > MOVING_LEVELS);
}

function stepsOf(frames: readonly SeenFrame[]): readonly number[] {
  return frames.slice(1).map(({ thumbnail }, at) => {
    const before = frames[at]?.thumbnail ?? thumbnail;
    return difference(before, thumbnail);
  });
}
