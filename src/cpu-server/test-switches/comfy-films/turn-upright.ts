import type { Frame } from "../../network/frame.js";
import { type FrameSize, mapFrames } from "../../nodes/frames.js";
import type { Video } from "../../video/video.js";

/** A film whose frames are turned as it is shown; ComfyUI reads films so since 2026-04. */
export async function turnUpright(video: Video): Promise<Video> {
  const { film } = video.frames;
  if (film === undefined || film.rotation === 0) return video;
  const { rotation } = film;
  const isSideways = rotation % 180 !== 0;
  const size = ({ width, height }: FrameSize) =>
    isSideways ? { width: height, height: width } : { width, height };
  const map = async (frame: Frame) => turned(frame, rotation, size(frame));
  const frames = await mapFrames(video.frames, { size, map });
  return { ...video, frames: { ...frames, film: { ...film, rotation: 0 } } };
}

/** A frame turned clockwise. */
function turned(frame: Frame, rotation: number, { width, height }: FrameSize): Frame {
  const rgb = new Uint8Array(frame.rgb.length);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const [fromX, fromY] = sourceOf(x, y, rotation, { width, height });
      const from = (fromY * frame.width + fromX) * 3;
      rgb.set(frame.rgb.subarray(from, from + 3), (y * width + x) * 3);
    }
  return { width, height, rgb };
}

/** Where a pixel of a turned frame was before. */
function sourceOf(
  x: number,
  y: number,
  rotation: number,
  { width, height }: FrameSize,
): readonly [number, number] {
  if (rotation === 90) return [y, width - 1 - x];
  if (rotation === 180) return [width - 1 - x, height - 1 - y];
  return [height - 1 - y, x];
}
