import { avGetCodecString, Packet } from "node-av/lib";
import { cleanCount } from "../join/clean-count.js";
import { PictureTrack } from "../join/picture-track.js";
import { ResultPiece } from "../join/result-piece.js";
import { takeBreaths } from "../media/breath.js";
import { MediaWriter } from "../media/media-writer.js";
import type { PicturePreview } from "./preview-objects.js";
import type { FilmStretch } from "./preview-times.js";
import { splitFragments, topBoxes } from "./top-boxes.js";
import { FRAGMENT_OPTIONS } from "./write-fragments.js";

/** A result that becomes a segment. */
export interface ResultToShow extends FilmStretch {
  readonly path: string;
  readonly firstFrame: number;
  /** Frames of the chunk; the result may have more behind them. */
  readonly frameCount: number;
  /** Where the segment is written, with what decoders need before it. */
  readonly outPath: string;
}

/**
 * Writes the packets of a chunk's result as a CMAF segment at the film's own times.
 *
 * @returns how many bytes of it decoders need first, and what its picture is.
 */
export async function writePreviewSegment(
  { path, ...segment }: ResultToShow,
  signal: AbortSignal,
): Promise<{ readonly initBytes: number; readonly picture: PicturePreview }> {
  using packet = new Packet();
  packet.alloc();
  await using piece = await ResultPiece.open(path, packet, signal);
  const { clock, firstFrame, frameCount, outPath } = segment;
  const track = await writeSegment(piece, packet, segment, signal);
  const boxes = await topBoxes(outPath);
  const { initBytes } = splitFragments(boxes);
  const last = firstFrame + frameCount - 1;
  const ticks = clock.timeOf(last) + clock.durationOf(last) - clock.timeOf(firstFrame);
  const bytes = (boxes.at(-1)?.end ?? 0) - initBytes;
  const bandwidth = Math.ceil((bytes * 8 * clock.timescale) / ticks);
  return { initBytes, picture: { ...track, bandwidth } };
}

async function writeSegment(
  piece: ResultPiece,
  packet: Packet,
  { look, clock, firstFrame, frameCount, outPath }: Omit<ResultToShow, "path">,
  signal: AbortSignal,
): Promise<Omit<PicturePreview, "bandwidth">> {
  await using writer = new MediaWriter(outPath, "mp4");
  const track = writer.addTrack();
  const picture = new PictureTrack(piece, track, { film: look, clock, firstFrame });
  const timescale = { video_track_timescale: clock.timescale };
  await writer.begin({}, { ...FRAGMENT_OPTIONS, ...timescale });
  const breathe = takeBreaths(signal);
  // Where the frames behind are needed to decode the last ones, one of those is shown a little longer.
  const packetCount = cleanCount(piece.ranks, frameCount);
  await picture.write(piece, packet, writer, async () => await breathe(), {
    ...{ packetCount, frameCount },
  });
  writer.endFragment();
  await writer.finish();
  const { width, height } = track.codecpar;
  return { width, height, codec: avGetCodecString(track.codecpar) ?? "avc1.640028" };
}
