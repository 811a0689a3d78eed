import type { FileBytes, Span } from "../../lib/file-bytes.js";
import { isoBoxes } from "../../lib/iso-boxes.js";
import type { Chapter } from "../film-facts.js";

/** Ticks of 100 ns. */
const TICKS_A_SECOND = 10_000_000;
const HEAD_BYTES = 9;

/**
 * The list of chapters that Nero began to write, `moov/udta/chpl`: a version, four bytes of nothing, a
 * count, and for each chapter its start and its title.
 */
export async function neroChapters(
  file: FileBytes,
  signal: AbortSignal,
): Promise<readonly Chapter[]> {
  let span: Span = { start: 0, end: file.sizeBytes };
  for (const type of ["moov", "udta", "chpl"]) {
    const box = await firstBox(file, span, type, signal);
    if (box === undefined) return [];
    span = { start: box.contentStart, end: box.end };
  }
  // A title has 255 bytes at most, and there are 255 chapters at most.
  const list = Buffer.from(await file.read(span.start, Math.min(span.end - span.start, 70_000)));
  const chapters: Chapter[] = [];
  let at = HEAD_BYTES;
  for (let left = list[HEAD_BYTES - 1] ?? 0; left > 0 && at + 9 <= list.length; left -= 1) {
    const startSeconds = Number(list.readBigUInt64BE(at)) / TICKS_A_SECOND;
    const titleEnd = at + 9 + (list[at + 8] ?? 0);
    chapters.push({ startSeconds, title: list.toString("utf8", at + 9, titleEnd) });
    at = titleEnd;
  }
  return chapters;
}

async function firstBox(file: FileBytes, span: Span, type: string, signal: AbortSignal) {
  for await (const box of isoBoxes(file, span, signal)) if (box.type === type) return box;
  return undefined;
}
