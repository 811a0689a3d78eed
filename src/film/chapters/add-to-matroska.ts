import { open } from "node:fs/promises";
import { EBML_ID, type EbmlElement, ebmlElements } from "../../lib/ebml.js";
import { FileBytes } from "../../lib/file-bytes.js";
import type { Chapter } from "../film-facts.js";
import { CHAPTER_ID, SEEK_ID } from "./chapter-ids.js";

const VOID = 0xec;
const VOID_HEAD_BYTES = 5;
/** Where FFmpeg leaves room for the size of the segment. */
const SIZE_BYTES = 8;

/** Adds chapters behind all else of a film, and names their place in the table of contents. */
export async function addToMatroska(
  path: string,
  chapters: readonly Chapter[],
  signal: AbortSignal,
): Promise<void> {
  const { segment, table, room, entries, sizeBytes } = await layoutOf(path, signal);
  const added = element(CHAPTER_ID.chapters, element(CHAPTER_ID.edition, ...chapters.map(atomOf)));
  const seek = element(
    SEEK_ID.seek,
    element(SEEK_ID.target, idBytes(CHAPTER_ID.chapters)),
    element(SEEK_ID.position, number(sizeBytes - segment.contentStart)),
  );
  const contents = element(SEEK_ID.head, ...entries, seek);
  const left = room.end - table.start - contents.length;
  if (left < VOID_HEAD_BYTES) throw new Error("The film's table of contents has no room");
  const filler = element(VOID, Buffer.alloc(left - VOID_HEAD_BYTES));
  await using target = await open(path, "r+");
  await target.write(added, 0, added.length, sizeBytes);
  await target.write(Buffer.concat([contents, filler]), 0, room.end - table.start, table.start);
  const size = Buffer.alloc(SIZE_BYTES);
  const contentBytes = sizeBytes + added.length - segment.contentStart;
  size.writeBigUInt64BE(BigInt(contentBytes) | (1n << 56n));
  await target.write(size, 0, SIZE_BYTES, segment.contentStart - SIZE_BYTES);
}

interface Layout {
  readonly segment: EbmlElement;
  /** The table of contents, and the empty element behind it. */
  readonly table: EbmlElement;
  readonly room: EbmlElement;
  readonly entries: readonly Buffer[];
  readonly sizeBytes: number;
}

async function layoutOf(path: string, signal: AbortSignal): Promise<Layout> {
  using file = new FileBytes(path);
  const { sizeBytes } = file;
  const [, segment] = await firstTwo(file, { start: 0, end: sizeBytes }, signal);
  const isOurs =
    segment?.id === EBML_ID.segment && segment.contentStart - segment.start === 4 + SIZE_BYTES;
  if (!isOurs || segment.end !== sizeBytes) throw new Error("The film is no Matroska file of ours");
  const inside = { start: segment.contentStart, end: segment.end };
  const [table, room] = await firstTwo(file, inside, signal);
  if (table?.id !== SEEK_ID.head || room?.id !== VOID)
    throw new Error("The film has no table of contents");
  const entries: Buffer[] = [];
  const within = { start: table.contentStart, end: table.end };
  // A checksum would be wrong.
  for await (const { id, start, end } of ebmlElements(file, within, signal))
    if (id === SEEK_ID.seek) entries.push(Buffer.from(await file.read(start, end - start)));
  return { segment, table, room, entries, sizeBytes };
}

async function firstTwo(
  file: FileBytes,
  span: { start: number; end: number },
  signal: AbortSignal,
) {
  const found: EbmlElement[] = [];
  for await (const one of ebmlElements(file, span, signal)) if (found.push(one) === 2) break;
  return found;
}

const NANOSECONDS = 1e9;

function atomOf({ startSeconds, endSeconds, title }: Chapter, at: number): Buffer {
  const time = (seconds: number) => number(Math.max(0, Math.round(seconds * NANOSECONDS)));
  return element(
    CHAPTER_ID.atom,
    element(CHAPTER_ID.uid, number(at + 1)),
    element(CHAPTER_ID.start, time(startSeconds)),
    ...(endSeconds === undefined ? [] : [element(CHAPTER_ID.end, time(endSeconds))]),
    element(
      CHAPTER_ID.display,
      element(CHAPTER_ID.title, Buffer.from(title)),
      element(CHAPTER_ID.language, Buffer.from("und")),
    ),
  );
}

/** An element whose size takes four bytes. */
function element(id: number, ...content: readonly Buffer[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(length + 0x1000_0000);
  return Buffer.concat([idBytes(id), size, ...content]);
}

function idBytes(id: number): Buffer {
  return Buffer.from(id.toString(16), "hex");
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
