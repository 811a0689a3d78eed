import type { Frame } from "../network/frame.js";
import type { Film } from "../video/film.js";

/**
 * ComfyUI's IMAGE: pictures of one size. Those of a film are made one by one while they are read, so
 * that a film of any length takes the memory of a few frames; reading them twice makes them twice.
 */
export interface Frames extends AsyncIterable<Frame> {
  /** Of a film: as many as its container lists. */
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Where the frames come from a video file. */
  readonly film?: Film;
  /** Whether reading them tells the progress of a prompt, so that no other prompt may read them. */
  readonly isBoundToRun: boolean;
}

/** Whether a value of a node must not outlive its prompt: frames, or a video of them. */
export function isBoundToRun(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("frames" in value) return isBoundToRun(value.frames);
  return "isBoundToRun" in value && value.isBoundToRun === true;
}

/** How frames are made of others. */
export interface FrameMapping {
  /** The size that frames of a size become. @throws PythonError if that cannot be made. */
  readonly size: (from: FrameSize) => FrameSize;
  readonly map: (frame: Frame, index: number) => Promise<Frame>;
}

/** In pixels. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** Frames that are there already. @param frames at least one. */
export function framesOf(frames: readonly Frame[]): Frames {
  const { width, height } = frames[0] ?? { width: 0, height: 0 };
  return {
    ...{ width, height, count: frames.length, isBoundToRun: false },
    async *[Symbol.asyncIterator]() {
      yield* frames;
    },
  };
}

/** Makes new frames: pictures at once, those of a film when they are read. */
export async function mapFrames(frames: Frames, mapping: FrameMapping): Promise<Frames> {
  const { width, height } = mapping.size(frames);
  const { count, film } = frames;
  const read = () => mapEach(frames, mapping.map);
  if (film === undefined) return framesOf(await collect(read()));
  return { width, height, count, film, isBoundToRun: true, [Symbol.asyncIterator]: read };
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
