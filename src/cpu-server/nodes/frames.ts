import type { Frame } from "../network/frame.js";
import type { Film } from "../video/film.js";

/**
 * ComfyUI's IMAGE: pictures of one size. The frames of a video are made one by one while they are
 * read, so that a video of any length needs the memory of a few frames. Reading them twice makes
 * them twice.
 */
export interface Frames extends AsyncIterable<Frame> {
  /** For a video: the number that its container lists. */
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** The video, if the frames come from a video file. */
  readonly film?: Film;
  /**
   * Whether reading the frames reports the progress of a prompt. Then no other prompt may read
   * them.
   */
  readonly isBoundToRun: boolean;
}

/**
 * Whether a node's value must not outlive its prompt, because it is frames or a video that are
 * bound to it.
 */
export function isBoundToRun(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("frames" in value) return isBoundToRun(value.frames);
  return "isBoundToRun" in value && value.isBoundToRun === true;
}

/** How new frames are made from other frames. */
export interface FrameMapping {
  /**
   * The size of the new frames for a size of the old ones. @throws PythonError if such frames
   * cannot be made.
   */
  readonly size: (from: FrameSize) => FrameSize;
  readonly map: (frame: Frame, index: number) => Promise<Frame>;
}

/** In pixels. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** Frames that already exist. @param frames at least one. */
export function framesOf(frames: readonly Frame[]): Frames {
  const { width, height } = frames[0] ?? { width: 0, height: 0 };
  return {
    ...{ width, height, count: frames.length, isBoundToRun: false },
    async *[Symbol.asyncIterator]() {
      yield* frames;
    },
  };
}

/** Makes new frames. Pictures are made at once, frames of a video when they are read. */
export async function mapFrames(frames: Frames, mapping: FrameMapping): Promise<Frames> {
  const { width, height } = mapping.size(frames);
  const { count, film } = frames;
  const read = () => mapEach(frames, mapping.map);
  if (film === undefined) return framesOf(await collect(read()));
  return { width, height, count, film, isBoundToRun: true, [Symbol.asyncIterator]: read };
}

/**
 * Frames from `start` on, at most `length` of them and at least one: beyond the end there is the last one. Those of a
 * video are read up to the last that is needed, and their times begin at 0.
 */
export async function pickFrames(frames: Frames, start: number, length: number): Promise<Frames> {
  const { width, height, film, isBoundToRun } = frames;
  const read = () => pickEach(frames, start, length);
  if (film === undefined) return framesOf(await collect(read()));
  const count = Math.max(1, Math.min(length, frames.count - start));
  return { width, height, count, film, isBoundToRun, [Symbol.asyncIterator]: read };
}

/** Frames and behind them others, all without times: those of a video follow each other at its rate. */
export async function joinFrames(first: Frames, second: Frames): Promise<Frames> {
  const { width, height, film } = first;
  const read = () => untimed([first, second]);
  if (film === undefined) return framesOf(await collect(read()));
  const count = first.count + second.count;
  const bound = first.isBoundToRun || second.isBoundToRun;
  return { width, height, count, film, isBoundToRun: bound, [Symbol.asyncIterator]: read };
}

async function* untimed(batches: readonly Frames[]): AsyncGenerator<Frame, void> {
  for (const batch of batches) for await (const { time: _, ...frame } of batch) yield frame;
}

async function* pickEach(
  frames: Frames,
  start: number,
  length: number,
): AsyncGenerator<Frame, void> {
  let index = 0;
  let last: Frame | undefined;
  let originSeconds: number | undefined;
  for await (const frame of frames) {
    last = frame;
    index += 1;
    if (index <= start) continue;
    originSeconds ??= frame.time?.startSeconds ?? 0;
    yield startedAt(frame, originSeconds);
    if (index === start + length) return;
  }
  if (index <= start && last !== undefined) yield startedAt(last, last.time?.startSeconds ?? 0);
}

/** A frame of a video whose time begins at `seconds` of the old one. */
function startedAt(frame: Frame, seconds: number): Frame {
  const { time } = frame;
  if (time === undefined) return frame;
  return { ...frame, time: { ...time, startSeconds: time.startSeconds - seconds } };
}

async function* mapEach(frames: Frames, map: FrameMapping["map"]): AsyncGenerator<Frame, void> {
  let index = 0;
  for await (const frame of frames) {
    const mapped = await map(frame, index);
    yield frame.time === undefined ? mapped : { ...mapped, time: frame.time };
    index += 1;
  }
}

async function collect(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const collected: Frame[] = [];
  for await (const frame of frames) collected.push(frame);
  return collected;
}
