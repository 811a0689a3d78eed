import { TaskError } from "../../domain/errors.js";
import type { Ratio } from "../film-facts.js";
import { clockTime, damagedFilm } from "./damaged-film.js";
import { eachPacket } from "./each-packet.js";
import { type PacketLook, packetReader } from "./look-into-packet.js";
import type { OpenFilm } from "./open-film.js";

/**
 * The packets of a film's picture, each a number in the order of decoding. An hour at 30 frames a
 * second takes 3 MB.
 *
 * A frame is a packet for which a decoder gives a picture. Its rank is its place in the order of
 * showing among all of these. The film shows a part of them: edit lists leave some out.
 */
export interface FilmIndex {
  /** When the frame of a packet is shown, in ticks. */
  readonly ticks: Float64Array;
  /** In ticks, as the container says. */
  readonly durations: Float64Array;
  /** The rank of each packet; -1: it gives no picture. */
  readonly ranks: Int32Array;
  /** 1: the film does not show it. */
  readonly isLeftOut: Uint8Array;
  /** The packet of each rank. */
  readonly packets: Int32Array;
  /** The rank of each frame that the film shows. */
  readonly shownRanks: Int32Array;
  /** Packets with which decoding can begin, looked into. */
  readonly keys: readonly number[];
}

/** More pictures than two days of 60 a second are no film. */
const MAX_PACKETS = 12_000_000;

/**
 * Reads the index of a film from its packets; none is decoded.
 *
 * @throws TaskError INPUT_DAMAGED, naming the time, INPUT_TOO_LARGE.
 */
export async function readIndex(film: OpenFilm, signal: AbortSignal): Promise<FilmIndex> {
  const { AV_NOPTS_VALUE, AV_PKT_FLAG_DISCARD, avGetCodecName } = await import("node-av");
  await discardOthers(film);
  const { codecpar, index: track, timeBase } = film.picture;
  const look = packetReader(avGetCodecName(codecpar.codecId) ?? "", codecpar.extradata);
  const rows: Rows = { ticks: [], durations: [], isHidden: [], isLeftOut: [], keys: [] };
  await eachPacket(film, signal, (packet) => {
    // Packets of other tracks that were read while probing come too.
    if (packet.streamIndex !== track) return true;
    const { pts, duration } = packet;
    const seen = look(packet.data ?? Buffer.alloc(0), packet.isKeyframe);
    const isTimed = pts !== AV_NOPTS_VALUE;
    if (!isTimed || seen.isDamaged) throw damagedAt(isTimed ? pts : rows.ticks.at(-1), timeBase);
    addRow(rows, seen, {
      ...{ ticks: Number(pts), duration: Number(duration) },
      isLeftOut: packet.hasFlags(AV_PKT_FLAG_DISCARD),
    });
    return true;
  });
  return indexOf(rows);
}

function addRow(
  rows: Rows,
  { isKey, isShown }: PacketLook,
  { ticks, duration, isLeftOut }: { ticks: number; duration: number; isLeftOut: boolean },
): void {
  if (isKey) rows.keys.push(rows.ticks.length);
  rows.ticks.push(ticks);
  rows.durations.push(duration);
  rows.isHidden.push(isShown ? 0 : 1);
  rows.isLeftOut.push(isLeftOut ? 1 : 0);
  if (rows.ticks.length > MAX_PACKETS)
    throw new TaskError("INPUT_TOO_LARGE", "Cannot use input: the film has too many frames");
}

function damagedAt(ticks: number | bigint | undefined, { num, den }: Ratio): TaskError {
  return damagedFilm(`it cannot be read at ${clockTime((Number(ticks ?? 0) * num) / den)}`);
}

/** Reading goes over what is discarded. */
async function discardOthers({ format, picture }: OpenFilm): Promise<void> {
  const { AVDISCARD_ALL } = await import("node-av");
  for (const stream of format.streams)
    if (stream.index !== picture.index) stream.discard = AVDISCARD_ALL;
}

interface Rows {
  readonly ticks: number[];
  readonly durations: number[];
  readonly isHidden: number[];
  readonly isLeftOut: number[];
  readonly keys: number[];
}

function indexOf(rows: Rows): FilmIndex {
  const ticks = Float64Array.from(rows.ticks);
  const isLeftOut = Uint8Array.from(rows.isLeftOut);
  const frames = ticks.map((_, number) => number).filter((number) => rows.isHidden[number] === 0);
  // Frames of one time keep the order of decoding.
  const packets = Int32Array.from(frames).sort(
    (a, b) => (ticks[a] ?? 0) - (ticks[b] ?? 0) || a - b,
  );
  const ranks = new Int32Array(ticks.length).fill(-1);
  for (const [rank, number] of packets.entries()) ranks[number] = rank;
  const all = Int32Array.from(packets, (_, rank) => rank);
  const shownRanks = all.filter((rank) => isLeftOut[packets[rank] ?? 0] === 0);
  if (shownRanks.length === 0) throw damagedFilm("it has no frames");
  return {
    ...{ ticks, isLeftOut, packets, ranks, shownRanks },
    durations: Float64Array.from(rows.durations),
    keys: keysThatPart(rows.keys, ranks),
  };
}

/**
 * The keys that part the film in two: all frames before it in the order of decoding are shown before
 * it. Only those that are shown before it may still follow it.
 */
function keysThatPart(keys: readonly number[], ranks: Int32Array): readonly number[] {
  const latest = new Int32Array(ranks.length + 1).fill(-1);
  for (const [number, rank] of ranks.entries())
    latest[number + 1] = Math.max(latest[number] ?? -1, rank);
  return keys.filter((key) => (ranks[key] ?? -1) > (latest[key] ?? -1));
}
