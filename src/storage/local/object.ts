import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Readable } from "node:stream";
import { errorCode } from "../../lib/error-code.js";
import { isSafeKey } from "../object-key.js";

const READ_BYTES = 1024 * 1024;

/** An object that is open for reading. */
export interface LocalObject extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** A strong ETag in quotes. It differs for different content. */
  readonly etag: string;
  readonly modifiedAt: Date;
  /**
   * Streams the bytes from `first` to `last`, both included. The end of the stream closes the
   * object.
   */
  read(first: number, last: number): Readable;
}

/**
 * Opens the object of a key in `directory`. Whatever the key contains, only a regular file inside
 * the directory is opened, and never through a symbolic link.
 *
 * @returns undefined if the object does not exist.
 */
export async function openLocalObject(
  directory: string,
  key: string,
): Promise<LocalObject | undefined> {
  const file = await openPlainFile(directory, key);
  if (file === undefined) return undefined;
  const { size, mtime, mtimeNs } = await file.stat({ bigint: true });
  return {
    sizeBytes: Number(size),
    mediaType: MEDIA_TYPES.get(extname(key).toLowerCase()) ?? "application/octet-stream",
    etag: `"${size.toString(36)}-${mtimeNs.toString(36)}"`,
    modifiedAt: mtime,
    read: (first, last) =>
      file.createReadStream({ start: first, end: last, highWaterMark: READ_BYTES }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Media types by extension. All of them are safe to show inside a page. */
const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  [".jpg", "image/jpeg"],
  [".jpeg", "image/jpeg"],
  [".png", "image/png"],
  [".webp", "image/webp"],
  [".gif", "image/gif"],
  [".tif", "image/tiff"],
  [".tiff", "image/tiff"],
  [".avif", "image/avif"],
  [".bmp", "image/bmp"],
  [".mp4", "video/mp4"],
  [".mov", "video/quicktime"],
  [".mkv", "video/x-matroska"],
  [".webm", "video/webm"],
]);

/** Error codes of opening a file that does not exist. */
const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

async function openPlainFile(directory: string, key: string): Promise<FileHandle | undefined> {
  if (!isSafeKey(key)) return undefined;
  try {
    const path = join(await realpath(directory), key);
    // If any part of the path is a symbolic link, the two paths differ.
    if ((await realpath(path)) !== path) return undefined;
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return undefined;
  } catch (thrown) {
    if (ABSENT.includes(errorCode(thrown))) return undefined;
    throw thrown;
  }
}
