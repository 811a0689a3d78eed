import type { FileHandle } from "node:fs/promises";
import type { FileBytes, Span } from "./file-bytes.js";

/** An element of a Matroska or WebM file. `start` is where its header begins. */
export interface EbmlElement extends Span {
  readonly id: number;
  readonly contentStart: number;
  /** Whether it fits. Of one that does not, `end` is where the stretch ends. */
  readonly isWhole: boolean;
}

/** RFC 8794 and RFC 9559. */
export const EBML_ID = {
  header: 0x1a45dfa3,
  segment: 0x18538067,
  cluster: 0x1f43b675,
  attachments: 0x1941a469,
  tags: 0x1254c367,
  tag: 0x7373,
  simpleTag: 0x67c8,
  crc32: 0xbf,
} as const;

const VOID = 0xec;

/**
 * The elements of a stretch, RFC 8794 section 6. One without a stated size goes on to the end. One
 * that does not fit is the last of the list.
 *
 * @throws the reason of `signal` when it is aborted.
 */
export async function* ebmlElements(
  file: FileBytes,
  { start, end }: Span,
  signal?: AbortSignal,
): AsyncGenerator<EbmlElement, void> {
  for (let at = start; at < end; ) {
    signal?.throwIfAborted();
    const head = await file.read(at, 12);
    const idBytes = lengthOf(head[0]);
    const sizeBytes = lengthOf(head[idBytes]);
    if (idBytes > 4 || sizeBytes > 8 || idBytes + sizeBytes > head.length) return;
    const contentStart = at + idBytes + sizeBytes;
    const stated = sizeOf(head.subarray(idBytes, idBytes + sizeBytes));
    const elementEnd = stated === undefined ? end : contentStart + stated;
    const id = head.readUIntBE(0, idBytes);
    const isWhole = elementEnd <= end;
    yield { id, start: at, contentStart, end: Math.min(elementEnd, end), isWhole };
    at = elementEnd;
  }
}

/**
 * Makes an element a Void element of the same length, so that nothing else moves. Its content stays
 * on disk.
 */
export async function voidElement(file: FileHandle, element: EbmlElement): Promise<void> {
  const sizeBytes = Math.min(8, element.contentStart - element.start - 1);
  const head = Buffer.alloc(1 + sizeBytes);
  head[0] = VOID;
  const contentBytes = BigInt(element.end - element.start - head.length);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(contentBytes | (1n << BigInt(7 * sizeBytes)));
  size.copy(head, 1, 8 - sizeBytes);
  await file.write(head, 0, head.length, element.start);
}

/** How long an id or a size is, by its first byte. More than 8: it is none. */
function lengthOf(first = 0): number {
  return Math.clz32(first) - 23;
}

/** Undefined if no size is stated: all bits are set. */
function sizeOf(field: Buffer): number | undefined {
  const bits = 7n * BigInt(field.length);
  const value = field.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const size = value & ((1n << bits) - 1n);
  return size === (1n << bits) - 1n ? undefined : Number(size);
}
