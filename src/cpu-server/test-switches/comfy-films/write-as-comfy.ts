import { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV420P10LE, AV_SAMPLE_FMT_FLTP } from "node-av/constants";
import { avChannelLayoutDefault, Frame, Rational } from "node-av/lib";
import type { Video } from "../../video/video.js";
import { isDeep } from "./deep-frame.js";
import { FilmFile, type FilmTrack } from "./film-file.js";
import { frameToYuv } from "./frame-to-yuv.js";
import { type StereoSound, spoilSound } from "./spoil-sound.js";

/** Which ComfyUI: of 2025 with PyAV 10, or with PyAV 18, which were recorded; of 0.35, as its sources have it. */
export type ComfyBuild = "old" | "new" | "deep";

/** What each says in its files. */
const WRITER_NAMES = {
  old: "Lavf59.27.100",
  new: "Lavf62.12.102",
  deep: "Lavf62.12.102",
} as const;
const OLD_BITS_PER_SECOND = 1_024_000n;
const SOUND_BITS_PER_SECOND = 128_000n;
/** Samples of a channel in a packet of AAC. */
const SOUND_FRAME = 1024;

/**
 * Writes a film as ComfyUI's SaveVideo does, with all that it loses: rotation, pixel aspect, times, exact frame rates
 * and colour tags of the source, all sound tracks but the first, and most of that one.
 *
 * @param onFrame called after each frame; what it throws ends the work.
 */
export async function writeAsComfy(
  path: string,
  video: Video,
  quantizer: number,
  onFrame: (doneCount: number) => void,
  build: ComfyBuild,
): Promise<void> {
  const sound = await spoilSound(video.audio);
  using file = new FilmFile(path);
  const picture = addPicture(file, video, quantizer, build);
  const heard = sound && { sound, track: addSound(file, sound) };
  file.begin({ prompt: "{}" });
  const isReadAgain = build === "new" && video.frames.film?.colorSpace.matrix === "bt709";
  const { width, height } = video.frames;
  let doneCount = 0;
  for await (const frame of video.frames) {
    const yuv = isDeep(frame) ? Buffer.from(frame.planes.buffer) : frameToYuv(frame, isReadAgain);
    using drawn = Frame.fromVideoBuffer(yuv, {
      ...{ width, height, format: picture.encoder.pixelFormat, pts: BigInt(doneCount) },
      timeBase: picture.encoder.timeBase,
    });
    await file.write(picture, drawn);
    doneCount += 1;
    onFrame(doneCount);
  }
  await file.write(picture, null);
  if (heard !== undefined) await writeSound(file, heard.track, heard.sound);
  await file.end(WRITER_NAMES[build]);
}

function addPicture(
  file: FilmFile,
  { frames: { width, height }, fps, depth }: Video,
  quantizer: number,
  build: ComfyBuild,
): FilmTrack {
  const thousandths = Math.round(fps * 1000);
  const divisor = commonDivisor(thousandths, 1000);
  const [num, den] = [thousandths / divisor, 1000 / divisor];
  return file.addTrack("libx264", (encoder) => {
    Object.assign(encoder, { width, height, pixelFormat: AV_PIX_FMT_YUV420P });
    if (depth?.bits === 10)
      Object.assign(encoder, { pixelFormat: AV_PIX_FMT_YUV420P10LE, ...coloursOf(depth.colours) });
    encoder.timeBase = new Rational(den, num);
    encoder.framerate = new Rational(num, den);
    encoder.threadCount = 1;
    if (build === "old") encoder.bitRate = OLD_BITS_PER_SECOND;
    else encoder.setOption("crf", String(quantizer));
  });
}

/** What files of 10 bits say of their colours, by the code points of ISO/IEC 23091-2. */
function coloursOf(name: unknown) {
  const [limited, bt709, bt2020, srgb, pq, hlg] = [1, 1, 9, 13, 16, 18];
  const [colorPrimaries, colorTrc] =
    name === "sRGB" || name === undefined ? [bt709, srgb] : [bt2020, name === "HDR" ? hlg : pq];
  return { colorPrimaries, colorTrc, colorSpace: colorPrimaries, colorRange: limited };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

function addSound(file: FilmFile, { sampleRate }: StereoSound): FilmTrack {
  return file.addTrack("aac", (encoder) => {
    encoder.sampleRate = sampleRate;
    encoder.sampleFormat = AV_SAMPLE_FMT_FLTP;
    encoder.channelLayout = avChannelLayoutDefault(2);
    encoder.timeBase = new Rational(1, sampleRate);
    encoder.bitRate = SOUND_BITS_PER_SECOND;
  });
}

async function writeSound(
  file: FilmFile,
  track: FilmTrack,
  { samples, sampleRate }: StereoSound,
): Promise<void> {
  for (let at = 0; at < samples.length / 2; at += SOUND_FRAME) {
    const bytes = Buffer.alloc(SOUND_FRAME * 2 * 4);
    for (let slot = 0; slot < SOUND_FRAME * 2; slot += 1) {
      const channel = slot < SOUND_FRAME ? 0 : 1;
      const sample = samples[(at + (slot % SOUND_FRAME)) * 2 + channel] ?? 0;
      bytes.writeFloatLE(sample, slot * 4);
    }
    using frame = Frame.fromAudioBuffer(bytes, {
      ...{ nbSamples: SOUND_FRAME, format: AV_SAMPLE_FMT_FLTP, sampleRate },
      ...{ channelLayout: avChannelLayoutDefault(2), pts: BigInt(at) },
      timeBase: { num: 1, den: sampleRate },
    });
    await file.write(track, frame);
  }
  await file.write(track, null);
}
