import type { FileBytes, Span } from "../../lib/file-bytes.js";

/** A marker of a JPEG and the segment behind it. */
export interface JpegSegment extends Span {
  readonly marker: number;
}

/** ITU-T T.81, table B.1. */
const [EOI, APP0, APP15, COM] = [0xd9, 0xe0, 0xef, 0xfe];

/**
 * The segments of a JPEG up to its end marker, also those between scans. Compressed pixels and stray
 * bytes are passed over.
 *
 * @throws the reason of `signal` when it is aborted.
 */
export async function* jpegSegments(
  file: FileBytes,
  signal?: AbortSignal,
): AsyncGenerator<JpegSegment, void> {
  let segment = await nextSegment(file, 2, signal);
  while (segment !== undefined && segment.marker !== EOI) {
    yield segment;
    segment = await nextSegment(file, segment.end, signal);
  }
}

/** Whether a segment is an application segment or a comment. */
export function isMetadata(marker: number): boolean {
  return marker === COM || (marker >= APP0 && marker <= APP15);
}

/** How the standard calls such a segment. */
export function metadataName(marker: number): string {
  return marker === COM ? "COM" : `APP${marker - APP0}`;
}

/** 0xff and a marker that has a segment, or EOI. Others are pixels and stray bytes. */
const MARKER = /\xff[\xc0-\xcf\xd9-\xfe]/;
const SEARCH_BYTES = 256;

/** The first segment from `at` on; undefined if there is none. */
async function nextSegment(
  file: FileBytes,
  at: number,
  signal: AbortSignal | undefined,
): Promise<JpegSegment | undefined> {
  for (let from = at; ; from += SEARCH_BYTES - 1) {
    signal?.throwIfAborted();
    const bytes = await file.read(from, SEARCH_BYTES);
    const found = bytes.toString("latin1").search(MARKER);
    if (found >= 0) return await segmentAt(file, from + found);
    if (bytes.length < SEARCH_BYTES) return undefined;
  }
}

async function segmentAt(file: FileBytes, start: number): Promise<JpegSegment> {
  const head = await file.read(start, 4);
  const marker = head[1] ?? EOI;
  const contentBytes = marker === EOI || head.length < 4 ? 0 : head.readUInt16BE(2);
  return { marker, start, end: start + 2 + contentBytes };
}
