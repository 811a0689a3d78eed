import type { Input } from "mediabunny";

/** The media library, with FFmpeg's decoders and encoders (by way of node-av) behind it. */
export type Media = typeof import("mediabunny");

let loading: Promise<Media> | undefined;

/** Loads the media library when the first video comes: a picture needs none of its 50 MB. */
export async function loadMedia(): Promise<Media> {
  loading ??= load();
  return await loading;
}

/** Opens a file for reading; the caller disposes it. */
export async function openInput(path: string): Promise<Input> {
  const { FilePathSource, Input, MATROSKA, MP4, QTFF, WEBM } = await loadMedia();
  // Reading ahead fails in the background; whoever needs the bytes meets the error again.
  const source = new FilePathSource(path, { handleUnhandledError: () => undefined });
  return new Input({ source, formats: [MP4, QTFF, MATROSKA, WEBM] });
}

async function load(): Promise<Media> {
  const media = await import("mediabunny");
  const { registerMediabunnyServer } = await import("@mediabunny/server");
  // Otherwise it looks for graphics cards, and says on stderr what it did not find.
  registerMediabunnyServer({ hardwareContext: null });
  return media;
}
