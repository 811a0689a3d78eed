import type { InputVideoTrack, VideoSample } from "mediabunny";
import { loadDecoders } from "../../input/probe/load-decoders.js";
import { openVideo } from "../../input/probe/open-video.js";
import { loadSharp } from "../../lib/load-sharp.js";
import type { Look, SeenFrame } from "./look.js";
import { THUMBNAIL_EDGE } from "./thumbnail.js";

/** Where a film is looked at, as shares of its length. */
const SHARES = [0.1, 0.3, 0.5, 0.7, 0.9];
/** Frames that are decoded at most on the way to one that is looked at. */
const MAX_RUN_UP = 60;

/**
 * Looks at a few frames of a film and counts them all. Only frames that are cheap to reach are looked
 * at: key frames, and those that soon follow one.
 *
 * @param atSeconds which frames to look at. @default a few, all over the film
 * @throws any error if the film does not decode.
 */
export async function lookAtFilm(
  path: string,
  signal: AbortSignal,
  atSeconds?: readonly number[],
): Promise<Look> {
  await loadDecoders();
  const input = await openVideo(path);
  // Disposing the input makes every pending read of it fail.
  const dispose = (): void => input.dispose();
  signal.addEventListener("abort", dispose);
  try {
    signal.throwIfAborted();
    const track = await input.getPrimaryVideoTrack();
    if (track === null) throw new Error("There is no video in the file");
    const [width, height] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
    const { packetCount: frameCount } = await track.computePacketStats();
    const canDecode = await track.canDecode();
    const times = canDecode ? (atSeconds ?? (await cheapTimes(track))) : [];
    return { width, height, frameCount, frames: await framesAt(track, times) };
  } finally {
    signal.removeEventListener("abort", dispose);
    input.dispose();
  }
}

/** Times all over a film, each at most {@link MAX_RUN_UP} frames after a key frame. */
async function cheapTimes(track: InputVideoTrack): Promise<readonly number[]> {
  const { EncodedPacketSink } = await import("mediabunny");
  const sink = new EncodedPacketSink(track);
  const first = await track.getFirstTimestamp();
  const lengthSeconds = (await track.computeDuration()) - first;
  const { averagePacketRate } = await track.computePacketStats(MAX_RUN_UP);
  const times = new Set<number>();
  for (const share of SHARES) {
    const wanted = first + lengthSeconds * share;
    const key = await sink.getKeyPacket(wanted, { metadataOnly: true });
    const from = key?.timestamp ?? first;
    times.add(Math.min(wanted, from + (MAX_RUN_UP * share) / Math.max(1, averagePacketRate)));
  }
  return [...times].sort((a, b) => a - b);
}

async function framesAt(
  track: InputVideoTrack,
  times: readonly number[],
): Promise<readonly SeenFrame[]> {
  const { VideoSampleSink } = await import("mediabunny");
  const frames: SeenFrame[] = [];
  for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
    if (sample === null) continue;
    using decoded = sample;
    frames.push(await seen(decoded));
  }
  return frames;
}

async function seen(sample: VideoSample): Promise<SeenFrame> {
  const sharp = await loadSharp();
  const { codedWidth: width, codedHeight: height, timestamp: atSeconds } = sample;
  const rgbx = new Uint8Array(width * height * 4);
  await sample.copyTo(rgbx, RGBX);
  const raw = { width, height, channels: 4 } as const;
  const rgb = await sharp(rgbx, { raw })
    .removeAlpha()
    .resize(THUMBNAIL_EDGE, THUMBNAIL_EDGE, { fit: "fill" })
    .raw()
    .toBuffer();
  return { atSeconds, thumbnail: { rgb } };
}

// The installed types of WebCodecs do not contain this option yet.
const RGBX = { format: "RGBX" } as VideoFrameCopyToOptions;
