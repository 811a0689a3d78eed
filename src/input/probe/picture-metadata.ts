import { FileBytes } from "../../lib/file-bytes.js";
import { isMetadata, jpegSegments, metadataName } from "./jpeg-segments.js";
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
  if (mediaType !== "image/gif" && mediaType !== "image/jpeg") return;
  using file = new FileBytes(path);
  // Less cannot contain more.
  if (file.sizeBytes <= MAX_METADATA_BYTES) return;
  if (mediaType === "image/gif") throw tooMuchMetadata(`the GIF has ${file.sizeBytes} bytes`);
  await checkJpeg(file, signal);
}

/** Adds up the metadata, also that between scans. */
async function checkJpeg(file: FileBytes, signal: AbortSignal): Promise<void> {
  const names = new Set<string>();
  let bytes = 0;
  for await (const { marker, start, end } of jpegSegments(file, signal)) {
    if (!isMetadata(marker)) continue;
    names.add(metadataName(marker));
    bytes += end - start;
    if (bytes > MAX_METADATA_BYTES)
      throw tooMuchMetadata(`its metadata (${[...names].join(", ")}) has at least ${bytes} bytes`);
  }
}
