import { FileBytes } from "../../lib/file-bytes.js";

/** A box at the top of an MP4 file (ISO/IEC 14496-12, 4.2). */
export interface TopBox {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

const HEAD_BYTES = 16;

/** The boxes at the top of an MP4 file that this service has written. */
export async function topBoxes(path: string): Promise<readonly TopBox[]> {
  using file = new FileBytes(path);
  const boxes: TopBox[] = [];
  for (let start = 0; start < file.sizeBytes; ) {
    const head = await file.read(start, HEAD_BYTES);
    const short = head.readUInt32BE(0);
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short;
    if (size < 8) throw new Error("A box of the preview has no size");
    boxes.push({ type: head.toString("latin1", 4, 8), start, end: start + size });
    start += size;
  }
  return boxes;
}

/** A fragment and where it is: its description and its content. */
export interface Fragment {
  readonly start: number;
  readonly end: number;
}

/** Splits a file into what decoders need first and its fragments. */
export function splitFragments(boxes: readonly TopBox[]): {
  readonly initBytes: number;
  readonly fragments: readonly Fragment[];
} {
  const heads = boxes.filter(({ type }) => type === "moof");
  const fragments = heads.map(({ start }) => {
    const content = boxes.find((box) => box.type === "mdat" && box.start > start);
    return { start, end: content?.end ?? start };
  });
  return { initBytes: heads[0]?.start ?? 0, fragments };
}
