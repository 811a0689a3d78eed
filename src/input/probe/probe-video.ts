import type { Input, InputVideoTrack } from "mediabunny";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import { checkDecoding } from "./check-decoding.js";
import { compactMatroska } from "./compact-matroska.js";
import { compactMp4 } from "./compact-mp4.js";
import { damagedVideo } from "./damaged.js";
import { asDiskFull } from "./disk-full.js";
import type { Noted } from "./noted.js";
import { openVideo } from "./open-video.js";
import { checkPictureSize, type PictureSize, type ProbeBounds } from "./picture-size.js";

/** What a container says about its video. */
export interface VideoFacts extends PictureSize {
  readonly durationSeconds: number;
  /** Absent if the frames have no rate, e.g. for a single frame. */
  readonly fps?: number;
  /** The clockwise rotation between the stored frames and the shown ones. Absent: no rotation. */
  readonly rotationDegrees?: 90 | 180 | 270;
}

const MATROSKA = new Set(["video/x-matroska", "video/webm"]);

/**
 * Reads a video's size, duration and frame rate from its container, and checks that its picture is
 * complete: the last packet must exist, and the packets must last as long as the container says.
 * Frames are not decoded.
 *
 * @throws TaskError INPUT_DAMAGED, INPUT_TYPE_UNSUPPORTED (no video in it, or none that the servers
 *   can use), INPUT_TOO_LARGE, INPUT_TIMEOUT.
 */
export async function probeVideo(
  path: string,
  mediaType: string,
  bounds: ProbeBounds,
  signal: AbortSignal,
): Promise<VideoFacts & Noted> {
  const deadline = AbortSignal.timeout(bounds.timeoutMs);
  const stop = AbortSignal.any([signal, deadline]);
  try {
    const isMatroska = MATROSKA.has(mediaType);
    await (isMatroska ? compactMatroska : compactMp4)(path, stop);
    return await readContainer(path, isMatroska, bounds, stop);
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asDiskFull(thrown, "Cannot look into the input");
    if (error instanceof TaskError) throw error;
    throw deadline.aborted
      ? new TaskError("INPUT_TIMEOUT", "Cannot use input: looking into the video takes too long")
      : damagedVideo("its container cannot be read", thrown);
  }
}

async function readContainer(
  path: string,
  isMatroska: boolean,
  bounds: ProbeBounds,
  stop: AbortSignal,
): Promise<VideoFacts & Noted> {
  const input = await openVideo(path);
  // Disposing the input makes every pending read of it fail.
  const dispose = () => input.dispose();
  stop.addEventListener("abort", dispose);
  try {
    stop.throwIfAborted();
    const track = await findVideoTrack(input);
    const facts = await readFacts(track, isMatroska, bounds.maxPixels);
    return { ...facts, notes: await checkDecoding(track, bounds, stop) };
  } finally {
    stop.removeEventListener("abort", dispose);
    input.dispose();
  }
}

async function readFacts(
  track: InputVideoTrack,
  isMatroska: boolean,
  maxPixels: number,
): Promise<VideoFacts> {
  const size = { width: await track.getDisplayWidth(), height: await track.getDisplayHeight() };
  checkPictureSize(size, maxPixels);
  const durationSeconds = await checkWhole(track, isMatroska);
  const rotationDegrees = await track.getRotation();
  return {
    ...size,
    durationSeconds,
    ...defined({ fps: await readFps(track), rotationDegrees: rotationDegrees || undefined }),
  };
}

async function findVideoTrack(input: Input): Promise<InputVideoTrack> {
  const track = await input.getPrimaryVideoTrack();
  if (track !== null) return track;
  const tracks = await input.getTracks();
  if (tracks.length === 0)
    throw damagedVideo("its index is missing, as in a file that is cut short");
  throw new TaskError("INPUT_TYPE_UNSUPPORTED", "Cannot use input: there is no video in the file");
}

/** A single frame that is shown for a shorter time has no rate: its time is a unit of the container's clock. */
const MAX_FPS_OF_ONE = 240;

async function readFps(track: InputVideoTrack): Promise<number | undefined> {
  const { packetCount, averagePacketRate } = await track.computePacketStats(2);
  if (packetCount === 1) return averagePacketRate <= MAX_FPS_OF_ONE ? averagePacketRate : undefined;
  const { bestGuessFrameRate: fps } = await track.computeFrameRateMetrics();
  return Number.isFinite(fps) && fps > 0 ? fps : undefined;
}

/** The packets of a complete film may end this much earlier than the duration in its header. */
const TOLERANCE_SECONDS = 0.5;
const TOLERANCE_RATIO = 0.05;

/**
 * Only the picture counts, since other tracks may last longer, or be cut.
 *
 * @returns the duration in seconds.
 */
async function checkWhole(track: InputVideoTrack, isMatroska: boolean): Promise<number> {
  await checkLastPacket(track);
  const durationSeconds = await track.computeDuration();
  // A Matroska file states one duration for all tracks. Whether it is cut, its size tells.
  const stated = isMatroska ? null : await track.getDurationFromMetadata();
  const statedSeconds = stated ?? durationSeconds;
  const tolerance = Math.max(TOLERANCE_SECONDS, statedSeconds * TOLERANCE_RATIO);
  if (durationSeconds < statedSeconds - tolerance)
    throw damagedVideo(
      `it ends after ${durationSeconds.toFixed(1)} of ${statedSeconds.toFixed(1)} s`,
    );
  if (durationSeconds <= 0) throw damagedVideo("it has no frames");
  return durationSeconds;
}

/** If the index lists a packet beyond the end of the file, the library returns null for it. */
async function checkLastPacket(track: InputVideoTrack): Promise<void> {
  const { EncodedPacketSink } = await import("mediabunny");
  const sink = new EncodedPacketSink(track);
  const listed = await sink.getFirstPacket({ metadataOnly: true });
  if (listed !== null && (await sink.getPacket(Number.POSITIVE_INFINITY)) === null)
    throw damagedVideo("its end is missing");
}
