import type { Input, InputTrack, InputVideoTrack } from "mediabunny";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import { isDiskFull } from "../../lib/is-disk-full.js";
import { compactMatroska } from "./compact-matroska.js";
import { compactMp4 } from "./compact-mp4.js";
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
 * Reads a video's size, duration and frame rate from its container, and checks that it is complete:
 * each track's last packet must exist, and the packets must last as long as the container says.
 * Frames are not decoded.
 *
 * @throws TaskError INPUT_DAMAGED, INPUT_TYPE_UNSUPPORTED (no video in it), INPUT_TOO_LARGE,
 *   INPUT_TIMEOUT.
 */
export async function probeVideo(
  path: string,
  mediaType: string,
  { maxPixels, timeoutMs }: ProbeBounds,
  signal: AbortSignal,
): Promise<VideoFacts> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([signal, deadline]);
  try {
    await (MATROSKA.has(mediaType) ? compactMatroska : compactMp4)(path, stop);
    return await readContainer(path, maxPixels, stop);
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof TaskError) throw thrown;
    if (isDiskFull(thrown)) throw diskFull(thrown);
    throw deadline.aborted
      ? new TaskError("INPUT_TIMEOUT", "Cannot use input: looking into the video takes too long")
      : damaged("its container cannot be read", thrown);
  }
}

async function readContainer(
  path: string,
  maxPixels: number,
  stop: AbortSignal,
): Promise<VideoFacts> {
  const input = await openVideo(path);
  // Disposing the input makes every pending read of it fail.
  const dispose = () => input.dispose();
  stop.addEventListener("abort", dispose);
  try {
    stop.throwIfAborted();
    return await readFacts(input, maxPixels);
  } finally {
    stop.removeEventListener("abort", dispose);
    input.dispose();
  }
}

async function readFacts(input: Input, maxPixels: number): Promise<VideoFacts> {
  const track = await findVideoTrack(input);
  const size = { width: await track.getDisplayWidth(), height: await track.getDisplayHeight() };
  checkPictureSize(size, maxPixels);
  const durationSeconds = await checkWhole(input);
  const { bestGuessFrameRate: fps } = await track.computeFrameRateMetrics();
  const rotationDegrees = await track.getRotation();
  return {
    ...size,
    durationSeconds,
    ...defined({
      fps: Number.isFinite(fps) && fps > 0 ? fps : undefined,
      rotationDegrees: rotationDegrees || undefined,
    }),
  };
}

async function findVideoTrack(input: Input): Promise<InputVideoTrack> {
  const track = await input.getPrimaryVideoTrack();
  if (track !== null) return track;
  const tracks = await input.getTracks();
  if (tracks.length === 0) throw damaged("its index is missing, as in a file that is cut short");
  throw new TaskError("INPUT_TYPE_UNSUPPORTED", "Cannot use input: there is no video in the file");
}

/** The packets of a complete file may end this much earlier than the duration in its header. */
const TOLERANCE_SECONDS = 0.5;
const TOLERANCE_RATIO = 0.05;

/** Returns the duration in seconds. */
async function checkWhole(input: Input): Promise<number> {
  for (const track of await input.getTracks()) await checkLastPacket(track);
  const durationSeconds = await input.computeDuration();
  const statedSeconds = (await input.getDurationFromMetadata()) ?? durationSeconds;
  const tolerance = Math.max(TOLERANCE_SECONDS, statedSeconds * TOLERANCE_RATIO);
  if (durationSeconds < statedSeconds - tolerance)
    throw damaged(`it ends after ${durationSeconds.toFixed(1)} of ${statedSeconds.toFixed(1)} s`);
  if (durationSeconds <= 0) throw damaged("it has no frames");
  return durationSeconds;
}

/** If the index lists a packet beyond the end of the file, the library returns null for it. */
async function checkLastPacket(track: InputTrack): Promise<void> {
  const { EncodedPacketSink } = await import("mediabunny");
  const sink = new EncodedPacketSink(track);
  const listed = await sink.getFirstPacket({ metadataOnly: true });
  if (listed !== null && (await sink.getPacket(Number.POSITIVE_INFINITY)) === null)
    throw damaged("its end is missing");
}

function damaged(reason: string, cause?: unknown): TaskError {
  return new TaskError("INPUT_DAMAGED", `Cannot use input: the video is damaged, ${reason}`, {
    cause,
  });
}

function diskFull(cause: unknown): TaskError {
  return new TaskError("DISK_FULL", "Cannot look into the input: the disk is full", { cause });
}
