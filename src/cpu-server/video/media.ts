import type { Input } from "mediabunny";
import { endLoops } from "../../lib/end-loops.js";

/** The media library. FFmpeg decodes and encodes for it, through node-av. */
export type Media = typeof import("mediabunny");

let loading: Promise<Media> | undefined;

/** Loads the media library with the first video, because pictures do not need its 50 MB. */
export async function loadMedia(): Promise<Media> {
  loading ??= load();
  return await loading;
}

/** Opens a file for reading. The caller must dispose it. */
export async function openInput(path: string): Promise<Input> {
  const { FilePathSource, Input, MATROSKA, MP4, QTFF, WEBM } = await loadMedia();
  // A failed read-ahead is ignored here. The reader of those bytes gets the same error.
  const source = new FilePathSource(path, { handleUnhandledError: () => undefined });
  endLoops(source);
  return new Input({ source, formats: [MP4, QTFF, MATROSKA, WEBM] });
}

async function load(): Promise<Media> {
  const media = await import("mediabunny");
  const { registerMediabunnyServer } = await import("@mediabunny/server");
  // Without this, it looks for graphics cards and prints to stderr that it found none.
  registerMediabunnyServer({ hardwareContext: null });
  return media;
}
