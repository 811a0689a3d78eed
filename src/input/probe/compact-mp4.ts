import { open } from "node:fs/promises";
import type { TaskError } from "../../domain/errors.js";
import { FileBytes, type Span } from "../../lib/file-bytes.js";
import { type IsoBox, isoBoxes } from "../../lib/iso-boxes.js";
import { MAX_METADATA_BYTES, tooMuchMetadata } from "./metadata-limit.js";

/** What no decoder needs of an index: texts, cover pictures, unused space. */
const METADATA = new Set(["udta", "meta", "uuid", "free", "skip", "wide"]);

/** A sound index has a few dozen pieces between its metadata. */
const MAX_PIECES = 10_000;

/**
 * Makes a video with much metadata readable in little memory. The readers of MP4 and MOV files load
 * the whole index (`moov`), and metadata can make it as large as the file. Such a file gets a second
 * index without metadata at its end, and the first one becomes free space. Nothing else moves. Other
 * files are left as they are.
 *
 * @throws TaskError INPUT_TOO_LARGE if more than 64 MiB of index are left.
 * @throws the reason of `signal` when it is aborted.
 */
export async function compactMp4(path: string, signal: AbortSignal): Promise<void> {
  using source = new FileBytes(path);
  if (source.sizeBytes <= MAX_METADATA_BYTES) return;
  const { index, canGrow } = await findIndex(source, signal);
  if (index === undefined || index.end - index.start <= MAX_METADATA_BYTES) return;
  if (!canGrow) throw tooLarge(index);
  const { bytes, pieces } = await withoutMetadata(source, index, signal);
  await using target = await open(path, "r+");
  let at = source.sizeBytes;
  for await (const part of bytesOf(source, [boxHead("moov", bytes), ...pieces])) {
    await target.write(part, 0, part.length, at);
    at += part.length;
  }
  await target.write("free", index.start + 4, "latin1");
}

/** The first index counts. Behind a box without a stated end, or a damaged one, nothing can be added. */
async function findIndex(source: FileBytes, signal: AbortSignal) {
  let index: IsoBox | undefined;
  let canGrow = false;
  const whole = { start: 0, end: source.sizeBytes };
  for await (const box of isoBoxes(source, whole, signal)) {
    if (box.type === "moov") index ??= box;
    const statedBytes = (await source.read(box.start, 4)).readUInt32BE(0);
    canGrow = statedBytes !== 0 && box.end === source.sizeBytes;
  }
  return { index, canGrow };
}

/** New bytes, or bytes of the file. */
type Piece = Buffer | Span;

/** What is kept of a box. */
interface Kept {
  /** Of all pieces together. */
  bytes: number;
  readonly pieces: Piece[];
}

async function withoutMetadata(
  source: FileBytes,
  index: IsoBox,
  signal: AbortSignal,
): Promise<Kept> {
  const kept: Kept = { bytes: 0, pieces: [] };
  const keep = (to: Kept, ...pieces: readonly Piece[]) => {
    to.pieces.push(...pieces);
    to.bytes += pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
    if (to.bytes > MAX_METADATA_BYTES || to.pieces.length > MAX_PIECES) throw tooLarge(index);
  };
  for await (const box of needed(source, index, signal)) {
    if (box.type === "trak") {
      const track: Kept = { bytes: 0, pieces: [] };
      for await (const part of needed(source, box, signal)) keep(track, spanOf(part));
      keep(kept, boxHead("trak", track.bytes), ...track.pieces);
    } else keep(kept, spanOf(box));
  }
  return kept;
}

async function* needed(source: FileBytes, box: IsoBox, signal: AbortSignal) {
  const content = { start: box.contentStart, end: box.end };
  for await (const inner of isoBoxes(source, content, signal))
    if (!METADATA.has(inner.type)) yield inner;
}

function spanOf({ start, end }: IsoBox): Span {
  return { start, end };
}

function lengthOf(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start;
}

function boxHead(type: string, contentBytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + contentBytes);
  head.write(type, 4, "latin1");
  return head;
}

async function* bytesOf(source: FileBytes, pieces: readonly Piece[]): AsyncGenerator<Buffer, void> {
  for (const piece of pieces)
    if (Buffer.isBuffer(piece)) yield piece;
    else yield* source.pieces(piece);
}

function tooLarge({ start, end }: IsoBox): TaskError {
  return tooMuchMetadata(`the video's index (moov) has ${end - start} bytes`);
}
