import { readFile, writeFile } from "node:fs/promises";

/** A chapter of a test's film. */
export interface MadeChapter {
  readonly startSeconds: number;
  readonly endSeconds?: number;
  readonly title: string;
}

/** Adds the list of chapters that Nero began to write to an MP4 whose index is at its end. */
export async function addNeroChapters(
  path: string,
  chapters: readonly MadeChapter[],
): Promise<void> {
  const entries = chapters.map(({ startSeconds, title }) => {
    const head = Buffer.alloc(9);
    head.writeBigUInt64BE(BigInt(Math.round(startSeconds * 1e7)));
    head[8] = Buffer.byteLength(title);
    return Buffer.concat([head, Buffer.from(title)]);
  });
  const list = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, chapters.length]), ...entries]);
  // The first of several lists of user data counts.
  await changeIndex(path, (index) => [box("udta", box("chpl", list)), index]);
}

/** Makes the texts of the last track of an MP4, whose index is at its end, chapters of the first. */
export async function nameChapterTrack(path: string, track: number): Promise<void> {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(track);
  await changeIndex(path, (index) => {
    const start = index.indexOf("trak", 0, "latin1") - 4;
    const end = start + index.readUInt32BE(start);
    const grown = box("trak", index.subarray(start + 8, end), box("tref", box("chap", id)));
    return [index.subarray(0, start), grown, index.subarray(end)];
  });
}

/** Adds chapters to the end of a Matroska file. */
export async function addMatroskaChapters(
  path: string,
  chapters: readonly MadeChapter[],
): Promise<void> {
  const atoms = chapters.map(({ startSeconds, endSeconds, title }) =>
    element("b6", [
      element("91", [nanoseconds(startSeconds)]),
      ...(endSeconds === undefined ? [] : [element("92", [nanoseconds(endSeconds)])]),
      element("80", [element("85", [Buffer.from(title)])]),
    ]),
  );
  const added = element("1043a770", [element("45b9", atoms)]);
  const content = await readFile(path);
  // The writer leaves eight bytes for the size of the segment.
  const sizeAt = content.indexOf(Buffer.from("18538067", "hex")) + 4;
  const size = content.readBigUInt64BE(sizeAt);
  content.writeBigUInt64BE(size + BigInt(added.length), sizeAt);
  await writeFile(path, Buffer.concat([content, added]));
}

async function changeIndex(path: string, change: (index: Buffer) => Buffer[]): Promise<void> {
  const content = await readFile(path);
  const start = content.lastIndexOf("moov", content.length, "latin1") - 4;
  if (start + content.readUInt32BE(start) !== content.length)
    throw new Error("The index is not at the end");
  const changed = box("moov", ...change(content.subarray(start + 8)));
  await writeFile(path, Buffer.concat([content.subarray(0, start), changed]));
}

function box(type: string, ...content: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(content.reduce((sum, part) => sum + part.length, 8));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...content]);
}

function element(id: string, content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  const size = Buffer.alloc(4);
  size.writeUInt32BE((bytes.length | 0x1000_0000) >>> 0);
  return Buffer.concat([Buffer.from(id, "hex"), size, bytes]);
}

function nanoseconds(seconds: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.round(seconds * 1e9)));
  return bytes;
}
