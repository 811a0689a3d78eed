import type { VideoSample } from "mediabunny";
import { defined } from "../../lib/defined.js";
import { checkSize, type Frame } from "../network/frame.js";
import { resizeFrame } from "../network/resize-frame.js";
import { PythonError } from "../python-text.js";
import { leftOutCount } from "./left-out.js";
import { loadMedia, openInput } from "./media.js";

/**
 * Decodes the frames of a file that are shown one by one, without applying the rotation. The end of the
 * iteration closes the file.
 *
 * @throws PythonError if the video is damaged, or has more than 8 bits.
 */
export async function* readFrames(path: string): AsyncGenerator<Frame, void> {
  const { VideoSampleSink } = await loadMedia();
  const input = await openInput(path);
  try {
    const track = await input.getPrimaryVideoTrack();
    if (track === null) return;
    let first: Frame | undefined;
    let leftOut = await leftOutCount(input, track);
    for await (const sample of new VideoSampleSink(track).samples()) {
      if (leftOut > 0) {
        sample.close();
        leftOut -= 1;
        continue;
      }
      const frame = await toFrame(sample);
      first ??= frame;
      yield await scaledTo(frame, first);
    }
  } catch (error) {
    if (error instanceof PythonError) throw error;
    throw undecodable(error);
  } finally {
    input.dispose();
  }
}

/** A film's frames may change their size. All get the size of the first. */
async function scaledTo(frame: Frame, { width, height }: Frame): Promise<Frame> {
  if (frame.width === width && frame.height === height) return frame;
  return {
    ...(await resizeFrame(frame, width, height, "bicubic")),
    ...defined({ time: frame.time }),
  };
}

function undecodable(cause: unknown): PythonError {
  const message = `Cannot decode the video: ${String(cause)}`;
  return new PythonError("av.error.InvalidDataError", message, { cause });
}

/** Copies a frame and closes the sample. */
async function toFrame(sample: VideoSample): Promise<Frame> {
  using decoded = sample;
  const { codedWidth: width, codedHeight: height, format, timestamp, duration } = decoded;
  if (format === null || /P1[02]$/.test(format)) {
    const message =
      "Cannot use the video: it has more than 8 bits per colour, or an unusual pixel format";
    throw new PythonError("ValueError", message);
  }
  checkSize(width, height);
  const rgbx = new Uint8Array(width * height * 4);
  await decoded.copyTo(rgbx, RGBX);
  const time = { startSeconds: timestamp, durationSeconds: duration };
  return { width, height, rgb: dropFourth(rgbx), time };
}

function dropFourth(rgbx: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgbx.length / 4) * 3);
  for (let from = 0, to = 0; from < rgbx.length; from += 4, to += 3) {
    rgb[to] = rgbx[from] ?? 0;
    rgb[to + 1] = rgbx[from + 1] ?? 0;
    rgb[to + 2] = rgbx[from + 2] ?? 0;
  }
  return rgb;
}

// The installed types of WebCodecs do not contain this option yet.
const RGBX = { format: "RGBX" } as VideoFrameCopyToOptions;
