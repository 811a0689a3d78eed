import type { AVPixelFormat } from "node-av";
import { avGetPixFmtName, Frame } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import { decodedFrames } from "../read/decode-pictures.js";
import { openFilm } from "../read/open-film.js";
import { seekToKey } from "../read/seek-to-key.js";
import type { ResultPiece } from "./result-piece.js";

/** A decoded frame: its planes one after the other, without padding. */
export interface HeldFrame {
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
  /** As FFmpeg numbers pixel formats. */
  readonly format: AVPixelFormat;
}

/**
 * Decodes frames of a result, from the last key frame on from which they can be reached.
 *
 * @throws TaskError BAD_RESULT where some of them do not decode.
 */
export async function* heldFrames(
  path: string,
  { ticks, keys }: Pick<ResultPiece, "ticks" | "keys">,
  { first, count }: { readonly first: number; readonly count: number },
  signal: AbortSignal,
): AsyncGenerator<HeldFrame, void, void> {
  if (count === 0) return;
  const entry = Math.max(0, ...keys.filter((key) => key <= first));
  await using film = await openFilm(path, signal);
  await seekToKey(film, ticks[entry] ?? 0);
  let found = 0;
  for await (const frame of decodedFrames(film, signal)) {
    if (Number(frame.bestEffortTimestamp) !== ticks[first + found]) continue;
    const { width, height, format } = frame;
    yield { bytes: frame.toBuffer(), width, height, format: format as AVPixelFormat };
    found += 1;
    if (found === count) return;
  }
  throw new TaskError("BAD_RESULT", `A result does not decode at its frame ${first + found}`);
}

/**
 * Fades the last of some frames into others of the same times, more from frame to frame.
 *
 * @param leadCount how many there are of `lead`; of more than of `held` the last ones count.
 * @throws TaskError BAD_RESULT where they are not of one size and depth.
 */
export async function* fadedFrames(
  held: readonly HeldFrame[],
  lead: AsyncIterable<HeldFrame>,
  leadCount: number,
): AsyncGenerator<HeldFrame, void, void> {
  yield* held.slice(0, Math.max(0, held.length - leadCount));
  const mixedCount = Math.min(held.length, leadCount);
  let at = -leadCount;
  for await (const next of lead) {
    const frame = held[held.length + at];
    at += 1;
    if (frame !== undefined) yield mixed(frame, next, (mixedCount + at) / (mixedCount + 1));
  }
}

/** Gives frames as the library has them; each is valid until the next is asked for. */
export async function* shownFrames(
  frames: AsyncIterable<HeldFrame>,
): AsyncGenerator<Frame, void, void> {
  for await (const { bytes, width, height, format } of frames) {
    using frame = Frame.fromVideoBuffer(bytes, {
      ...{ width, height, format, timeBase: { num: 1, den: 1 }, pts: 0n },
    });
    yield frame;
  }
}

/** @param share of the second, from 0 to 1. */
function mixed(one: HeldFrame, other: HeldFrame, share: number): HeldFrame {
  const { width, height, format } = one;
  if (other.width !== width || other.height !== height || other.format !== format)
    throw new TaskError(
      "BAD_RESULT",
      "The chunks do not fit together: their frames differ in kind",
    );
  const isDeep = /p(10|12|14|16)le$/.test(avGetPixFmtName(format) ?? "");
  const [samples, others] = [samplesOf(one, isDeep), samplesOf(other, isDeep)];
  for (let at = 0; at < samples.length; at += 1)
    samples[at] = Math.round((samples[at] ?? 0) * (1 - share) + (others[at] ?? 0) * share);
  return { bytes: Buffer.from(samples.buffer), width, height, format };
}

/** A copy, since what is of two bytes has to begin at an even place. */
function samplesOf({ bytes }: HeldFrame, isDeep: boolean): Uint8Array | Uint16Array {
  const samples = new Uint8Array(bytes);
  return isDeep ? new Uint16Array(samples.buffer) : samples;
}
