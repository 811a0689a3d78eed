import type { TaskError } from "../../domain/errors.js";
import type { FilmFacts, Ratio } from "../film-facts.js";
import { clockTime, damagedFilm } from "./damaged-film.js";
import { eachPacket } from "./each-packet.js";
import { FilmRows } from "./film-rows.js";
import { packetReader } from "./look-into-packet.js";
import type { OpenFilm } from "./open-film.js";

/**
 * The packets of a film's picture, each a number in the order of decoding. An hour at 30 frames a
 * second takes 2 MB.
 *
 * A frame is a packet for which a decoder gives a picture. Its rank is its place in the order of
 * showing among all of these. The film shows a part of them: edit lists leave some out.
 */
export interface FilmIndex {
  /** When the frame of a packet is shown, in ticks. */
  readonly ticks: Float64Array;
  /** The rank of each packet; -1: it gives no picture. */
  readonly ranks: Int32Array;
  /** The packet of each rank. */
  readonly packets: Int32Array;
  /** The rank of each frame that the film shows. */
  readonly shownRanks: Int32Array;
  /** Packets with which decoding can begin, looked into. */
  readonly keys: readonly number[];
  /** Of all packets, as the container says, in ticks; undefined: of one it says nothing. */
  readonly durationSum: number | undefined;
  /** Of the frame that is shown last, as the container says. */
  readonly lastDuration: number;
}

const KNOWN = new WeakMap<FilmFacts, FilmIndex>();

/** Remembers the index of a film for as long as its facts are used, so that it is read once. */
export function rememberIndex(film: FilmFacts, index: FilmIndex): void {
  KNOWN.set(film, index);
}

/** The index that was remembered; undefined for facts that come from elsewhere. */
export function knownIndex(film: FilmFacts): FilmIndex | undefined {
  return KNOWN.get(film);
}

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
  const rows = new FilmRows();
  let latest = 0;
  await eachPacket(film, signal, (packet) => {
    // Packets of other tracks that were read while probing come too.
    if (packet.streamIndex !== track) return true;
    const { pts, duration, data } = packet;
    const { isDamaged, ...seen } = look(data ?? EMPTY, packet.isKeyframe);
    if (pts !== AV_NOPTS_VALUE) latest = Number(pts);
    if (pts === AV_NOPTS_VALUE || isDamaged) throw damagedAt(latest, timeBase);
    const isLeftOut = packet.hasFlags(AV_PKT_FLAG_DISCARD);
    rows.add({ ...seen, isLeftOut, ticks: latest, duration: Number(duration) });
    return true;
  });
  return indexOf(rows);
}

const EMPTY = Buffer.alloc(0);

function damagedAt(ticks: number, { num, den }: Ratio): TaskError {
  return damagedFilm(`it cannot be read at ${clockTime((ticks * num) / den)}`);
}

/** Reading goes over what is discarded. */
async function discardOthers({ format, picture }: OpenFilm): Promise<void> {
  const { AVDISCARD_ALL } = await import("node-av");
  for (const stream of format.streams)
    if (stream.index !== picture.index) stream.discard = AVDISCARD_ALL;
}

function indexOf(rows: FilmRows): FilmIndex {
  const { ticks, durationSum, lastDuration } = rows;
  const numbers = Int32Array.from(ticks, (_, number) => number);
  // Frames of one time keep the order of decoding.
  const packets = numbers
    .filter((number) => !rows.isHidden(number))
    .sort((a, b) => (ticks[a] ?? 0) - (ticks[b] ?? 0) || a - b);
  const ranks = new Int32Array(ticks.length).fill(-1);
  for (const [rank, number] of packets.entries()) ranks[number] = rank;
  const shownRanks = numbers
    .subarray(0, packets.length)
    .filter((rank) => !rows.isLeftOut(packets[rank] ?? 0));
  if (shownRanks.length === 0) throw damagedFilm("it has no frames");
  const keys = keysThatPart(rows.keys, ranks);
  return { ticks, ranks, packets, shownRanks, keys, durationSum, lastDuration };
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
