import type { Output, VideoSample, VideoSampleSource } from "mediabunny";
import type { Frame } from "../network/frame.js";
import { PythonError } from "../python-text.js";
import { AudioCopy } from "./audio-copy.js";
import type { Film } from "./film.js";
import { loadMedia, type Media } from "./media.js";
import type { Video } from "./video.js";

/** Writes a video into a file. */
export type VideoWriter = typeof writeVideo;

/**
 * Encodes a video as H.264 in an MP4 file whose index comes first. The packets of its audio are
 * copied unchanged. Rotation, pixel aspect ratio and colours are those of the video that the frames
 * come from.
 *
 * @param quantizer of x264, 0 to 51: how much of the pictures is lost
 * @param onFrame called after each frame; what it throws ends the work.
 * @throws PythonError where the video cannot be encoded. An unfinished file stays for the caller.
 */
export async function writeVideo(
  path: string,
  video: Video,
  quantizer: number,
  onFrame: (doneCount: number) => void,
): Promise<void> {
  const media = await loadMedia();
  const { FilePathTarget, Mp4OutputFormat, Output } = media;
  const { count, film } = video.frames;
  const output = new Output({
    format: new Mp4OutputFormat({ fastStart: "reserve" }),
    target: new FilePathTarget(path),
  });
  const source = createSource(media, film, quantizer);
  const turned = film === undefined ? {} : { rotation: film.rotation, flip: film.flip };
  output.addVideoTrack(source, { ...turned, maximumPacketCount: count });
  await using audio = await AudioCopy.open(video.audio, output);
  try {
    await output.start();
    await addFrames(media, video, source, audio, onFrame);
    await output.finalize();
  } catch (error) {
    await cancel(output);
    throw error;
  }
}

async function addFrames(
  media: Media,
  video: Video,
  source: VideoSampleSource,
  audio: AudioCopy,
  onFrame: (doneCount: number) => void,
): Promise<void> {
  let doneCount = 0;
  for await (const frame of video.frames) {
    using sample = toSample(media, video, frame, doneCount);
    await audio.addUntil(sample.timestamp);
    await source.add(sample).catch((error: Error) => {
      const message = `Cannot encode H.264: ${error.message}`;
      throw new PythonError("av.error.ExternalError", message, { cause: error });
    });
    doneCount += 1;
    onFrame(doneCount);
  }
  await audio.addUntil(Number.POSITIVE_INFINITY);
}

function createSource(
  { Quality, VideoSampleSource }: Media,
  film: Film | undefined,
  quantizer: number,
) {
  return new VideoSampleSource({
    codec: "avc",
    quality: new Quality({ quantizer }),
    onEncodedPacket: (_packet, meta) => {
      // The encoder does not state the colours, so they are added here.
      if (meta?.decoderConfig !== undefined)
        meta.decoderConfig.colorSpace = film?.colorSpace ?? COLOR_SPACE;
    },
  });
}

function toSample(
  { VideoSample }: Media,
  { frames: { film }, fps }: Video,
  frame: Frame,
  index: number,
): VideoSample {
  const { width, height } = frame;
  const isOwnPace = film?.fps === fps;
  const time = isOwnPace ? frame.time : undefined;
  const { num, den } = film?.pixelAspectRatio ?? { num: 1, den: 1 };
  return new VideoSample(addFourth(frame.rgb), {
    format: "RGBX",
    codedWidth: width,
    codedHeight: height,
    timestamp: time?.startSeconds ?? index / fps,
    duration: time?.durationSeconds ?? 1 / fps,
    ...(num !== den && { displayWidth: Math.round((width * num) / den), displayHeight: height }),
  });
}

function addFourth(rgb: Uint8Array): Uint8Array {
  const rgbx = new Uint8Array((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgbx[to] = rgb[from] ?? 0;
    rgbx[to + 1] = rgb[from + 1] ?? 0;
    rgbx[to + 2] = rgb[from + 2] ?? 0;
  }
  return rgbx;
}

/**
 * Frees the encoder. Its own errors are dropped, because an earlier error is the one that matters.
 */
async function cancel(output: Output): Promise<void> {
  if (output.state === "pending" || output.state === "started")
    await output.cancel().catch(() => undefined);
}

/** What pixels become by FFmpeg's own conversion, where they come from no film. */
const COLOR_SPACE: VideoColorSpaceInit = {
  ...{ primaries: "bt709", transfer: "bt709", matrix: "smpte170m", fullRange: false },
};
