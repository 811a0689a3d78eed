import { registerMediabunnyServer } from "@mediabunny/server";
import {
  ALL_FORMATS,
  AudioSample,
  AudioSampleSource,
  BufferSource,
  BufferTarget,
  type EncodedPacket,
  EncodedPacketSink,
  Input,
  MovOutputFormat,
  Mp4OutputFormat,
  Output,
  QUALITY_MEDIUM,
  VideoSample,
  VideoSampleSink,
  VideoSampleSource,
} from "mediabunny";

/** Options of a test's clip. */
export interface ClipOptions {
  /** @default 12 */
  readonly frameCount?: number;
  /** The start of each frame. @default evenly, 24 per second */
  readonly startSeconds?: (index: number) => number;
  readonly width?: number;
  /** In degrees, clockwise. */
  readonly rotation?: 0 | 90 | 180 | 270;
  /** @default true */
  readonly hasAudio?: boolean;
  /** ProRes has 10 bits. @default "avc" */
  readonly codec?: "avc" | "prores";
  /** Whether the clip is marked as having a high dynamic range. @default false */
  readonly isHdr?: boolean;
  /** Of every frame of a plain scene. @default one that changes a little from frame to frame */
  readonly colour?: readonly [red: number, green: number, blue: number];
  /** The factor between the shown and the stored width. @default 1 */
  readonly stretch?: number;
  /** What is to be seen: one colour a frame, a bar that wanders, one that stands, or nothing. @default "plain" */
  readonly scene?: "plain" | "moving" | "still" | "black";
}

/** Facts about a clip, as the media library reads it. */
export interface ClipFacts {
  readonly frameTimes: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly rotation: number;
  readonly stretch: number;
  readonly seconds: number;
  readonly codec: string | null;
  readonly audio: readonly EncodedPacket[];
  readonly colourMatrix: string | null | undefined;
  /** Mean red, green and blue of the first frame. */
  readonly colour: readonly number[];
}

const FPS = 24;
const HEIGHT = 48;
const SAMPLE_RATE = 48_000;
const HDR = { primaries: "bt2020", transfer: "pq", matrix: "bt2020-ncl" } as const;
let isRegistered = false;

/** Encodes a clip of 64 x 48 pixels with a tone. */
export async function makeClip(options: ClipOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  registerCodecs();
  const { frameCount = 12, codec = "avc", rotation = 0, hasAudio = true } = options;
  const target = new BufferTarget();
  const format = codec === "prores" ? new MovOutputFormat() : new Mp4OutputFormat();
  const output = new Output({ format, target });
  const video = new VideoSampleSource({
    ...{ codec, quality: QUALITY_MEDIUM },
    onEncodedPacket: (_packet, meta) => {
      if (options.isHdr && meta?.decoderConfig) meta.decoderConfig.colorSpace = HDR;
    },
  });
  output.addVideoTrack(video, { rotation });
  const audio = new AudioSampleSource({ codec: "aac", quality: QUALITY_MEDIUM });
  if (hasAudio) output.addAudioTrack(audio);
  await output.start();
  for (let index = 0; index < frameCount; index += 1) {
    using picture = aFrame(index, options);
    await video.add(picture);
    if (!hasAudio) continue;
    using sound = aTone(index);
    await audio.add(sound);
  }
  await output.finalize();
  return new Uint8Array(target.buffer ?? new ArrayBuffer(0));
}

/** Reads a clip: decodes every frame and reads every packet of its audio. */
export async function readClip(content: ArrayBuffer | Uint8Array): Promise<ClipFacts> {
  registerCodecs();
  using input = new Input({ source: new BufferSource(content), formats: ALL_FORMATS });
  const track = await input.getPrimaryVideoTrack();
  if (track === null) throw new Error("There is no video in the file");
  const frameTimes: number[] = [];
  let colour: readonly number[] = [];
  for await (const sample of new VideoSampleSink(track).samples()) {
    using frame = sample;
    if (frameTimes.length === 0) colour = await meanColour(frame);
    frameTimes.push(frame.timestamp);
  }
  const { num, den } = await track.getPixelAspectRatio();
  const audioTrack = await input.getPrimaryAudioTrack();
  const audio: EncodedPacket[] = [];
  if (audioTrack !== null)
    for await (const packet of new EncodedPacketSink(audioTrack).packets()) audio.push(packet);
  return {
    ...{ frameTimes, audio, colour, stretch: num / den },
    width: await track.getCodedWidth(),
    height: await track.getCodedHeight(),
    fps: (await track.computePacketStats()).averagePacketRate,
    rotation: await track.getRotation(),
    seconds: await input.computeDuration(),
    codec: await track.getCodec(),
    colourMatrix: (await track.getColorSpace()).matrix,
  };
}

function registerCodecs(): void {
  if (!isRegistered) registerMediabunnyServer({ hardwareContext: null });
  isRegistered = true;
}

function aFrame(index: number, options: ClipOptions): VideoSample {
  const { width = 64, startSeconds = (at) => at / FPS, stretch = 1, scene = "plain" } = options;
  const { colour = [200, 60 + index, 90] } = options;
  const rgbx = new Uint8Array(width * HEIGHT * 4);
  const bar = scene === "moving" ? (index * 2) % width : width / 2;
  for (let at = 0; at < rgbx.length; at += 4) {
    const isBar = scene !== "plain" && scene !== "black" && Math.abs(((at / 4) % width) - bar) < 8;
    if (scene !== "black") rgbx.set(isBar ? [20, 200, 40, 0] : [200, 60, 90, 0], at);
    if (scene === "plain") rgbx.set([...colour, 0], at);
  }
  const timestamp = startSeconds(index);
  return new VideoSample(rgbx, {
    ...{ format: "RGBX", codedWidth: width, codedHeight: HEIGHT, timestamp },
    duration: startSeconds(index + 1) - timestamp,
    ...(stretch !== 1 && { displayWidth: width * stretch, displayHeight: HEIGHT }),
  });
}

function aTone(index: number): AudioSample {
  const length = SAMPLE_RATE / FPS;
  const data = Float32Array.from({ length }, (_, at) => Math.sin((index * length + at) / 20) / 3);
  const timestamp = index / FPS;
  return new AudioSample({
    ...{ data, format: "f32", numberOfChannels: 1, sampleRate: SAMPLE_RATE, timestamp },
  });
}

async function meanColour(frame: VideoSample): Promise<readonly number[]> {
  const pixelCount = frame.codedWidth * frame.codedHeight;
  const rgbx = new Uint8Array(pixelCount * 4);
  await frame.copyTo(rgbx, { format: "RGBX" } as VideoFrameCopyToOptions);
  const sums = [0, 0, 0];
  for (const [at, value] of rgbx.entries()) if (at % 4 < 3) sums[at % 4]! += value;
  return sums.map((sum) => sum / pixelCount);
}
