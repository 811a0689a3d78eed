import { type FileHandle, open } from "node:fs/promises";
import type { Input } from "mediabunny";
import { endLoops } from "../../lib/end-loops.js";
import { MAX_METADATA_BYTES, tooMuchMetadata } from "./metadata-limit.js";

/**
 * Opens a video file for reading. The caller must dispose it. The reader loads each part of an index
 * as a whole; a part of more than 64 MiB is refused with INPUT_TOO_LARGE.
 */
export async function openVideo(path: string): Promise<Input> {
  // Loading the library takes 100 ms, so it is loaded with the first video.
  const { CustomSource, Input, Logging, LogLevel, MATROSKA, MP4, QTFF, WEBM } = await import(
    "mediabunny"
  );
  // What it has to say of a file comes as errors, or as a codec that is not known.
  Logging.level = LogLevel.Silent;
  const file = await open(path);
  const source = new CustomSource({
    getSize: async () => (await file.stat()).size,
    read: (start, end) => readSpan(file, start, end),
    dispose: () => void file.close(),
    prefetchProfile: "fileSystem",
    // A failed read-ahead is ignored here. The reader of those bytes gets the same error.
    handleUnhandledError: () => {},
  });
  endLoops(source);
  return new Input({ source, formats: [MP4, QTFF, MATROSKA, WEBM] });
}

/** How much more than it needs the reader asks for at once. */
const READ_AHEAD_BYTES = 4 * 64 * 1024;

async function readSpan(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const length = end - start;
  if (length > MAX_METADATA_BYTES + READ_AHEAD_BYTES)
    throw tooMuchMetadata(`a part of the video's index or metadata has ${length} bytes`);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, start);
  return buffer;
}
