import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { TaskError } from "../../domain/errors.js";
import { FileBytes, type Span } from "../../lib/file-bytes.js";
import { isDiskFull } from "../../lib/is-disk-full.js";
import { type IsoBox, isoBoxes } from "../../lib/iso-boxes.js";
import type { Chapter } from "../film-facts.js";

const MAX_CHAPTERS = 255;
const MAX_TITLE_BYTES = 255;
const TICKS_A_SECOND = 10_000_000;
/** An index of more is none of ours. */
const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/** Writes the film anew with a list of chapters in its index (`moov/udta/chpl`). */
export async function addToMp4(
  path: string,
  chapters: readonly Chapter[],
  signal: AbortSignal,
): Promise<void> {
  using source = new FileBytes(path);
  const boxes: IsoBox[] = [];
  for await (const box of isoBoxes(source, { start: 0, end: source.sizeBytes }, signal))
    boxes.push(box);
  const index = boxes.find(({ type }) => type === "moov");
  if (index === undefined || index.end - index.start > MAX_INDEX_BYTES)
    throw new Error("The film has no index to put chapters into");
  const old = Buffer.from(await source.read(index.start, index.end - index.start));
  const isBefore = boxes.some(({ type, start }) => type === "mdat" && start > index.start);
  const changed = withChapters(old, chapters);
  if (isBefore) moveChunks(changed, changed.length - old.length);
  const nextPath = `${path}.chapters`;
  try {
    await using target = await open(nextPath, "w");
    await copy(source, { start: 0, end: index.start }, target, signal);
    await target.write(changed);
    await copy(source, { start: index.end, end: source.sizeBytes }, target, signal);
  } catch (error) {
    await rm(nextPath, { force: true });
    throw isDiskFull(error) ? diskFull(error) : error;
  }
  await rename(nextPath, path);
}

function diskFull(cause: unknown): TaskError {
  return new TaskError("DISK_FULL", "Cannot write the film: the disk is full", { cause });
}

async function copy(source: FileBytes, span: Span, target: FileHandle, signal: AbortSignal) {
  for await (const piece of source.pieces(span)) {
    signal.throwIfAborted();
    await target.write(piece);
  }
}

function withChapters(index: Buffer, chapters: readonly Chapter[]): Buffer {
  const list = box("chpl", chapterList(chapters));
  const user = childrenOf(index, 0).find(({ type }) => type === "udta");
  if (user === undefined) return box("moov", index.subarray(8), box("udta", list));
  const content = index.subarray(user.start + 8, user.end);
  return box(
    "moov",
    index.subarray(8, user.start),
    box("udta", content, list),
    index.subarray(user.end),
  );
}

function chapterList(chapters: readonly Chapter[]): Buffer {
  const entries = chapters.slice(0, MAX_CHAPTERS).map(({ startSeconds, title }) => {
    const text = shortened(title);
    const head = Buffer.alloc(9);
    head.writeBigUInt64BE(BigInt(Math.max(0, Math.round(startSeconds * TICKS_A_SECOND))));
    head[8] = text.length;
    return Buffer.concat([head, text]);
  });
  // Version 1, and four bytes of nothing.
  return Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, entries.length]), ...entries]);
}

/** No letter is cut in two. */
function shortened(title: string): Buffer {
  let text = title;
  while (Buffer.byteLength(text) > MAX_TITLE_BYTES) text = [...text].slice(0, -1).join("");
  return Buffer.from(text);
}

const TO_CHUNKS = ["trak", "mdia", "minf", "stbl"];

/** The content comes `bytes` later in the file, and so do the chunks that the index names. */
function moveChunks(index: Buffer, bytes: number): void {
  let parents = childrenOf(index, 0);
  for (const wanted of TO_CHUNKS)
    parents = parents
      .filter(({ type }) => type === wanted)
      .flatMap(({ start }) => childrenOf(index, start));
  for (const { type, start } of parents)
    if (type in ENTRY_BYTES) moveList(index, type, start, bytes);
}

/** Lists of where chunks begin, and the bytes of an entry. */
const ENTRY_BYTES: Readonly<Record<string, number>> = { stco: 4, co64: 8 };

function moveList(index: Buffer, type: string, start: number, bytes: number): void {
  const end = start + 16 + index.readUInt32BE(start + 12) * (ENTRY_BYTES[type] ?? 0);
  for (let at = start + 16; at < end; at += ENTRY_BYTES[type] ?? end)
    if (type === "stco") index.writeUInt32BE(index.readUInt32BE(at) + bytes, at);
    else index.writeBigUInt64BE(index.readBigUInt64BE(at) + BigInt(bytes), at);
}

interface Part {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function childrenOf(index: Buffer, parent: number): Part[] {
  const parts: Part[] = [];
  const end = parent + index.readUInt32BE(parent);
  for (let at = parent + 8; at + 8 <= end; ) {
    const size = index.readUInt32BE(at);
    if (size < 8 || at + size > end) throw new Error("The index of the film is damaged");
    parts.push({ type: index.toString("latin1", at + 4, at + 8), start: at, end: at + size });
    at += size;
  }
  return parts;
}

function box(type: string, ...content: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(content.reduce((sum, part) => sum + part.length, 8));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...content]);
}
