import type { InputVideoTrack, VideoSample } from "mediabunny";
import type { Sharp } from "sharp";
import { loadDecoders } from "../input/probe/load-decoders.js";
import { openVideo } from "../input/probe/open-video.js";
import { loadSharp } from "../lib/load-sharp.js";

/** Where in a film its poster is, as a share of its length: films like to begin with black. */
const SHARE = 0.1;

/**
 * A frame that stands for a film: a key frame near its beginning, as it is shown.
 *
 * @returns undefined where nothing here decodes it.
 * @throws any error if it does not decode.
 */
export async function posterOf(path: string, signal: AbortSignal): Promise<Sharp | undefined> {
  await loadDecoders();
  const input = await openVideo(path);
  // Disposing the input makes every pending read of it fail.
  const dispose = (): void => input.dispose();
  signal.addEventListener("abort", dispose);
  try {
    signal.throwIfAborted();
    const track = await input.getPrimaryVideoTrack();
    if (track === null || !(await track.canDecode())) return undefined;
    return await keyFrame(track);
  } finally {
    signal.removeEventListener("abort", dispose);
    input.dispose();
  }
}

async function keyFrame(track: InputVideoTrack): Promise<Sharp | undefined> {
  const { EncodedPacketSink, VideoSampleSink } = await import("mediabunny");
  const first = await track.getFirstTimestamp();
  const wanted = first + ((await track.computeDuration()) - first) * SHARE;
  const packet = await new EncodedPacketSink(track).getKeyPacket(wanted, { metadataOnly: true });
  using sample = await new VideoSampleSink(track).getSample(packet?.timestamp ?? first);
  if (sample === null) return undefined;
  const [width, height] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
  return await asShown(sample, width, height);
}

/** The pixels of a frame turned and stretched to what is shown; never more pixels than it has. */
async function asShown(sample: VideoSample, width: number, height: number): Promise<Sharp> {
  const sharp = await loadSharp();
  const { codedWidth, codedHeight, rotation } = sample;
  const pixels = new Uint8Array(codedWidth * codedHeight * 4);
  await sample.copyTo(pixels, RGBX);
  const raw = { width: codedWidth, height: codedHeight, channels: 4 } as const;
  const turned = sharp(pixels, { raw }).removeAlpha().rotate(rotation);
  const flat = await turned.resize(width, height, { fit: "fill" }).raw().toBuffer();
  return sharp(flat, { raw: { width, height, channels: 3 } });
}

// The installed types of WebCodecs do not contain this option yet.
const RGBX = { format: "RGBX" } as VideoFrameCopyToOptions;
