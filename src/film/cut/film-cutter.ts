import type { Packet } from "node-av";
import type { FilmFacts } from "../film-facts.js";
import type { PlannedPiece } from "../plan/plan-pieces.js";
import { clockTime, damagedFilm } from "../read/damaged-film.js";
import { eachPacket } from "../read/each-packet.js";
import { packetReader } from "../read/look-into-packet.js";
import { type OpenFilm, openFilm } from "../read/open-film.js";
import { forgetTurn } from "../read/picture-turn.js";
import { seekToKey } from "../read/seek-to-key.js";
import type { FrameWindow } from "./frame-window.js";
import { beginPiece, pieceContainer, pieceRate } from "./piece-file.js";

/** A piece that was cut. */
export interface CutPiece {
  /** Frames of the file before the first that the network is given. */
  readonly skipCount: number;
  /** What was done to it, for the notes of the task. */
  readonly notes: readonly string[];
}

/** Cuts pieces out of one film that stays open. It must be disposed. */
export interface FilmCutter extends AsyncDisposable {
  /**
   * Writes a piece into a file: its pictures alone, packet by packet, from its key frame on. Pictures
   * that follow the key frame but are shown before it are left out, since they need what came before.
   * A piece that cannot be cut is encoded without loss. Pieces are best cut in order.
   *
   * @param outPath - with the extension of `pieceContainer`.
   * @throws TaskError INPUT_DAMAGED, naming the time.
   */
  cut(piece: PlannedPiece, outPath: string, signal: AbortSignal): Promise<CutPiece>;
}

/** Opens a film to cut it. */
export async function openCutter(
  path: string,
  film: FilmFacts,
  signal: AbortSignal,
): Promise<FilmCutter> {
  const open = await openFilm(path, signal);
  let window: FrameWindow | undefined;
  return {
    cut: async (piece, outPath, stop) => {
      const { isEncoded, skipCount } = piece.source;
      if (!isEncoded) {
        await cutOut(open, film, piece, outPath, stop);
        return { skipCount, notes: [] };
      }
      const [{ FrameWindow }, { encodePiece }] = await encoding();
      window ??= await FrameWindow.open(path, film, signal);
      await encodePiece(window, film, piece, outPath, stop);
      return { skipCount: 0, notes: [ENCODED_NOTE] };
    },
    [Symbol.asyncDispose]: async () => {
      await window?.[Symbol.asyncDispose]();
      await open[Symbol.asyncDispose]();
    },
  };
}

const ENCODED_NOTE =
  "Key frames of the film are far apart: parts of it were encoded anew, without loss, before the servers got them";

/** Few films need it. */
async function encoding() {
  return await Promise.all([import("./frame-window.js"), import("./encode-piece.js")]);
}

async function cutOut(
  open: OpenFilm,
  film: FilmFacts,
  piece: PlannedPiece,
  outPath: string,
  signal: AbortSignal,
): Promise<void> {
  const packets = await readPackets(open, film, piece, signal);
  try {
    const rate = pieceRate(film);
    const container = pieceContainer(film, piece);
    await using file = await beginPiece(outPath, container, open.picture.codecpar, rate);
    for (const { packet, shownAt, decodedAt } of retimed(packets)) {
      packet.pts = BigInt(shownAt);
      packet.dts = BigInt(decodedAt);
      packet.duration = BigInt(TICKS_OF_A_FRAME);
      await file.write(packet, { num: rate.den, den: rate.num * TICKS_OF_A_FRAME });
    }
    await file.finish();
  } finally {
    for (const { packet } of packets) packet.free();
  }
}

interface PiecePacket {
  readonly packet: Packet;
  readonly ticks: number;
  readonly isShown: boolean;
}

/** Reads the packets of a piece. They are refused if they are others than those that were planned. */
async function readPackets(
  open: OpenFilm,
  film: FilmFacts,
  { source, startSeconds }: PlannedPiece,
  signal: AbortSignal,
): Promise<readonly PiecePacket[]> {
  await seekToKey(open, source.entryTicks);
  const { index: track, codecpar } = open.picture;
  const look = packetReader(film.codec, codecpar.extradata);
  const isTurned = film.codec === "h264" && film.rotationDegrees !== 0;
  const straighten = isTurned
    ? (packet: Packet) => forgetTurn(packet, codecpar.extradata)
    : () => undefined;
  const packets: PiecePacket[] = [];
  let seen = 0;
  try {
    await eachPacket(open, signal, (packet) => {
      if (packet.streamIndex !== track) return true;
      const ticks = Number(packet.pts);
      if (seen === 0 && (ticks !== source.entryTicks || !packet.isKeyframe)) return true;
      seen += 1;
      straighten(packet);
      const copy = ticks < source.entryTicks ? null : packet.clone();
      const { isShown } = look(packet.data ?? Buffer.alloc(0), packet.isKeyframe);
      if (copy !== null) packets.push({ packet: copy, ticks, isShown });
      return seen < source.packetCount;
    });
    if (seen === source.packetCount) return packets;
    throw damagedFilm(`it cannot be read at ${clockTime(startSeconds)}`);
  } catch (thrown) {
    for (const { packet } of packets) packet.free();
    throw thrown;
  }
}

/** A picture that is not shown is between two that are. */
const TICKS_OF_A_FRAME = 2;

interface TimedPacket {
  readonly packet: Packet;
  readonly shownAt: number;
  readonly decodedAt: number;
}

/**
 * Gives packets in the order of decoding times of a constant rate from 0 on. Newer servers leave out
 * frames before 0 (`start <= pts` in ComfyUI's comfy_api/latest/_input_impl/video_types.py).
 */
function* retimed(packets: readonly PiecePacket[]): Iterable<TimedPacket> {
  const shown = packets.filter(({ isShown }) => isShown).sort((a, b) => a.ticks - b.ticks);
  const ranks = new Map(shown.map((entry, rank) => [entry, rank]));
  const isReordered = shown.length === packets.length;
  const delay = packets.reduce(
    (most, entry, at) => Math.max(most, at - (ranks.get(entry) ?? at)),
    0,
  );
  let latest = 0;
  for (const [at, entry] of packets.entries()) {
    const rank = ranks.get(entry);
    const shownAt = rank === undefined ? latest + 1 : rank * TICKS_OF_A_FRAME;
    latest = shownAt;
    // Codecs that have pictures that are not shown do not reorder them.
    const decodedAt = isReordered ? (at - delay) * TICKS_OF_A_FRAME : shownAt;
    yield { packet: entry.packet, shownAt, decodedAt };
  }
}
