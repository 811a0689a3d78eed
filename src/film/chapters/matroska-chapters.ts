import { defined } from "../../lib/defined.js";
import { EBML_ID, type EbmlElement, ebmlElements } from "../../lib/ebml.js";
import type { FileBytes, Span } from "../../lib/file-bytes.js";
import type { Chapter } from "../film-facts.js";
import { CHAPTER_ID } from "./chapter-ids.js";

const NANOSECONDS = 1e9;
const MAX_TITLE_BYTES = 4096;
const MAX_ELEMENTS = 10_000;

/** The chapters of the first edition of a Matroska file; those inside others are left out. */
export async function matroskaChapters(
  file: FileBytes,
  signal: AbortSignal,
): Promise<readonly Chapter[]> {
  const whole = { start: 0, end: file.sizeBytes };
  let edition: Span | undefined = whole;
  for (const id of [EBML_ID.segment, CHAPTER_ID.chapters, CHAPTER_ID.edition])
    edition = edition && (await firstElement(file, edition, id, signal));
  const chapters: Chapter[] = [];
  if (edition === undefined) return chapters;
  for (const atom of await elementsOf(file, edition, signal)) {
    const chapter = atom.id === CHAPTER_ID.atom ? await chapterOf(file, atom, signal) : undefined;
    if (chapter !== undefined) chapters.push(chapter);
  }
  return chapters;
}

async function chapterOf(
  file: FileBytes,
  atom: EbmlElement,
  signal: AbortSignal,
): Promise<Chapter | undefined> {
  let [startSeconds, endSeconds, title]: [number?, number?, string?] = [];
  for (const element of await elementsOf(file, inside(atom), signal)) {
    if (element.id === CHAPTER_ID.start) startSeconds = await secondsOf(file, element);
    if (element.id === CHAPTER_ID.end) endSeconds = await secondsOf(file, element);
    if (element.id === CHAPTER_ID.display && title === undefined)
      title = await titleOf(file, element, signal);
  }
  if (startSeconds === undefined) return undefined;
  return { startSeconds, title: title ?? "", ...defined({ endSeconds }) };
}

async function titleOf(file: FileBytes, display: EbmlElement, signal: AbortSignal) {
  const span = await firstElement(file, inside(display), CHAPTER_ID.title, signal);
  if (span === undefined) return undefined;
  const length = Math.min(span.end - span.start, MAX_TITLE_BYTES);
  return (await file.read(span.start, length)).toString("utf8");
}

async function secondsOf(file: FileBytes, { contentStart, end }: EbmlElement): Promise<number> {
  const bytes = await file.read(contentStart, Math.min(8, end - contentStart));
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0) / NANOSECONDS;
}

async function firstElement(file: FileBytes, span: Span, id: number, signal: AbortSignal) {
  for await (const element of ebmlElements(file, span, signal))
    if (element.id === id) return inside(element);
  return undefined;
}

/** Reading inside one would move the window in which the next is looked for; so all are listed first. */
async function elementsOf(file: FileBytes, span: Span, signal: AbortSignal) {
  const elements: EbmlElement[] = [];
  for await (const element of ebmlElements(file, span, signal))
    if (elements.push(element) >= MAX_ELEMENTS) break;
  return elements;
}

function inside({ contentStart, end }: EbmlElement): Span {
  return { start: contentStart, end };
}
