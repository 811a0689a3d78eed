import { type FileHandle, open, rename } from "node:fs/promises";

/**
 * Removes the graph that ComfyUI writes into its results: the text chunks `prompt` and `workflow`
 * of a PNG, or the metadata box with the graph of an MP4 or MOV. Pixels, frames and other metadata
 * keep every byte; other formats are left alone. Harmless to repeat.
 *
 * Source: `SaveImage` (PngInfo) and `SaveVideo` (container metadata) of ComfyUI 0.3.64.
 */
export async function stripGraph(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const head = await read(file, 0, 12);
  if (head.subarray(0, 8).equals(PNG_SIGNATURE)) await stripPng(file, path);
  else if (head.toString("latin1", 4, 8) === "ftyp") await stripMp4(file);
}

const PNG_SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
const PNG_TEXT_TYPES = new Set(["tEXt", "zTXt", "iTXt"]);
const GRAPH_KEYWORDS = new Set(["prompt", "workflow"]);
const MAX_KEYWORD_BYTES = 80;
const COPY_BYTES = 1024 * 1024;

/** A stretch of a file. */
interface Span {
  readonly start: number;
  readonly end: number;
}

async function stripPng(file: FileHandle, path: string): Promise<void> {
  const { size } = await file.stat();
  const kept: Span[] = [{ start: 0, end: 8 }];
  for (let start = 8; start + 12 <= size; ) {
    const chunk = await read(file, start, 8 + MAX_KEYWORD_BYTES);
    const end = start + 12 + chunk.readUInt32BE(0);
    if (!isGraphChunk(chunk)) kept.push({ start, end: Math.min(end, size) });
    start = end;
  }
  const keptBytes = kept.reduce((sum, span) => sum + span.end - span.start, 0);
  if (keptBytes === size) return;
  await using target = await open(`${path}.part`, "w");
  for (const span of kept) await copy(file, span, target);
  await rename(`${path}.part`, path);
}

function isGraphChunk(chunk: Buffer): boolean {
  if (!PNG_TEXT_TYPES.has(chunk.toString("latin1", 4, 8))) return false;
  const keyword = chunk.toString("latin1", 8).split("\0", 1)[0] ?? "";
  return GRAPH_KEYWORDS.has(keyword);
}

async function copy(from: FileHandle, { start, end }: Span, to: FileHandle): Promise<void> {
  for (let at = start; at < end; at += COPY_BYTES)
    await to.write(await read(from, at, Math.min(COPY_BYTES, end - at)));
}

/**
 * Turns the metadata box into free space of the same size, so that nothing else in the file moves.
 */
async function stripMp4(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  for (const movie of await boxes(file, { start: 0, end: size })) {
    if (movie.type !== "moov") continue;
    for (const box of await boxes(file, { start: movie.contentStart, end: movie.end })) {
      if (box.type !== "udta" && box.type !== "meta") continue;
      const content = await read(file, box.contentStart, box.end - box.contentStart);
      if (!content.includes('"class_type"')) continue;
      await file.write(Buffer.alloc(content.length), 0, content.length, box.contentStart);
      await file.write("free", box.typeAt, "latin1");
    }
  }
}

interface Box {
  readonly type: string;
  readonly typeAt: number;
  readonly contentStart: number;
  readonly end: number;
}

/** The boxes of a stretch, ISO/IEC 14496-12 section 4.2. A box that does not fit ends the list. */
async function boxes(file: FileHandle, { start, end }: Span): Promise<Box[]> {
  const found: Box[] = [];
  for (let at = start; at + 8 <= end; ) {
    const head = await read(file, at, 16);
    const { headBytes, boxBytes } = boxSize(head, end - at);
    if (boxBytes < headBytes || at + boxBytes > end) break;
    const type = head.toString("latin1", 4, 8);
    found.push({ type, typeAt: at + 4, contentStart: at + headBytes, end: at + boxBytes });
    at += boxBytes;
  }
  return found;
}

/**
 * The size of a box: 1 means that 64 bits of size follow the type, 0 that it goes on to the end.
 */
function boxSize(head: Buffer, restBytes: number): { headBytes: number; boxBytes: number } {
  const short = head.length < 8 ? 2 : head.readUInt32BE(0);
  if (short === 0) return { headBytes: 8, boxBytes: restBytes };
  if (short !== 1 || head.length < 16) return { headBytes: 8, boxBytes: short };
  return { headBytes: 16, boxBytes: Number(head.readBigUInt64BE(8)) };
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
