import { FileBytes } from "./file-bytes.js";

type Sharp = typeof import("sharp").default;

let loading: Promise<Sharp> | undefined;

/**
 * The decoder of pictures. To load it takes 150 ms, so that is done with the first picture.
 *
 * Every picture is read once: a cache would only keep decoded pictures and open files. Each is decoded by one
 * thread: decoders of PNG, JPEG and WebP use no second one, which is then only made and ended for each picture.
 */
export function loadSharp(): Promise<Sharp> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Sharp> {
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

/** What a picture's decoder reads: a small file's bytes, else its path. To open a file takes it as long as a small picture. */
export function pictureSource(path: string): string | Buffer {
  using file = new FileBytes(path);
  return file.all ?? path;
}
