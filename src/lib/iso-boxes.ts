import type { FileBytes, Span } from "./file-bytes.js";

/** A box of an MP4, MOV, 3GP or AVIF file. `start` is where its header begins. */
export interface IsoBox extends Span {
  /** Four characters. */
  readonly type: string;
  readonly contentStart: number;
}

/**
 * The boxes of a stretch, ISO/IEC 14496-12 section 4.2. A box that does not fit ends the list.
 *
 * @throws the reason of `signal` when it is aborted.
 */
export async function* isoBoxes(
  file: FileBytes,
  { start, end }: Span,
  signal?: AbortSignal,
): AsyncGenerator<IsoBox, void> {
  for (let at = start; at + 8 <= end; ) {
    signal?.throwIfAborted();
    const head = await file.read(at, 16);
    const { headBytes, boxBytes } = boxSize(head, end - at);
    if (boxBytes < headBytes || at + boxBytes > end) return;
    const type = head.toString("latin1", 4, 8);
    yield { type, start: at, contentStart: at + headBytes, end: at + boxBytes };
    at += boxBytes;
  }
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
