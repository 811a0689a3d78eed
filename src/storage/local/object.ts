import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Readable } from "node:stream";
import { errorCode } from "../../lib/error-code.js";
import { isSafeKey } from "../object-key.js";

const READ_BYTES = 1024 * 1024;

/** An object open for reading. */
export interface LocalObject extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** Strong and quoted; another for other content. */
  readonly etag: string;
  readonly modifiedAt: Date;
  /** Streams the bytes from `first` to `last`, both included; the stream closes the object. */
  read(first: number, last: number): Readable;
}

/**
 * Opens the object that a key names below `directory`. Whatever the key holds, nothing outside of it
 * is opened, nothing through a symbolic link, and nothing but a regular file.
 *
 * @returns undefined if there is no such object.
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

/** Types by extension, all of them safe to show inside a page. */
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

/** What opening answers where there is no such file. */
const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

async function openPlainFile(directory: string, key: string): Promise<FileHandle | undefined> {
  if (!isSafeKey(key)) return undefined;
  try {
    const path = join(await realpath(directory), key);
    // A link anywhere on the way makes the two differ.
    if ((await realpath(path)) !== path) return undefined;
    // Not to wait for a writer, if it is a pipe.
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
