import { FileBytes, type Span } from "../../lib/file-bytes.js";
import { MAX_METADATA_BYTES, tooMuchMetadata } from "./metadata-limit.js";

/**
 * Refuses a picture of which the decoder would keep too much in memory beside its pixels: of a JPEG
 * all metadata, of a GIF the whole file. Decoders of other pictures skip metadata, or limit it.
 *
 * @throws TaskError INPUT_TOO_LARGE.
 * @throws the reason of `signal` when it is aborted.
 */
export async function checkPictureMetadata(
  path: string,
  mediaType: string,
  signal: AbortSignal,
): Promise<void> {
  await using file = await FileBytes.open(path);
  // Less cannot contain more.
  if (file.sizeBytes <= MAX_METADATA_BYTES) return;
  if (mediaType === "image/gif") throw tooMuchMetadata(`the GIF has ${file.sizeBytes} bytes`);
  if (mediaType === "image/jpeg") await checkJpeg(file, signal);
}

/** ITU-T T.81, table B.1. */
const [EOI, APP0, APP15, COM] = [0xd9, 0xe0, 0xef, 0xfe];

/** Adds up the application segments and comments, also those between scans. */
async function checkJpeg(file: FileBytes, signal: AbortSignal): Promise<void> {
  const names = new Set<string>();
  let bytes = 0;
  let segment = await nextSegment(file, 2, signal);
  while (segment !== undefined && segment.marker !== EOI) {
    const { marker, end } = segment;
    if (marker === COM || (marker >= APP0 && marker <= APP15)) {
      names.add(marker === COM ? "COM" : `APP${marker - APP0}`);
      bytes += end - segment.start;
    }
    if (bytes > MAX_METADATA_BYTES)
      throw tooMuchMetadata(`its metadata (${[...names].join(", ")}) has at least ${bytes} bytes`);
    segment = await nextSegment(file, end, signal);
  }
}

/** A marker and the segment behind it. */
interface Segment extends Span {
  readonly marker: number;
}

/** 0xff and a marker that has a segment, or EOI. Compressed pixels and stray bytes are others. */
const MARKER = /\xff[\xc0-\xcf\xd9-\xfe]/;
const SEARCH_BYTES = 256;

/** The first segment from `at` on; undefined if there is none. */
async function nextSegment(
  file: FileBytes,
  at: number,
  signal: AbortSignal,
): Promise<Segment | undefined> {
  for (let from = at; ; from += SEARCH_BYTES - 1) {
    signal.throwIfAborted();
    const bytes = await file.read(from, SEARCH_BYTES);
    const found = bytes.toString("latin1").search(MARKER);
    if (found >= 0) return await segmentAt(file, from + found);
    if (bytes.length < SEARCH_BYTES) return undefined;
  }
}

async function segmentAt(file: FileBytes, start: number): Promise<Segment> {
  const head = await file.read(start, 4);
  const marker = head[1] ?? EOI;
  const contentBytes = marker === EOI || head.length < 4 ? 0 : head.readUInt16BE(2);
  return { marker, start, end: start + 2 + contentBytes };
}
