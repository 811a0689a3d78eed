import { constants, createWriteStream } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { errorCode } from "../lib/error-code.js";
import { downloadError, translateDownloadError } from "./download-error.js";
import type { DownloadedInput, DownloadRequest } from "./download-input.js";
import type { InputSource } from "./input-source.js";

const COPY_BYTES = 1024 * 1024;
const PROGRESS_INTERVAL_MS = 200;

/** Options of {@link FileSource}. */
export interface FileSourceOptions {
  /** `file:` URLs may name files in this directory, at any depth. */
  readonly directory: string;
  readonly maxBytes: number;
}

/**
 * Inputs from one directory of this machine. The path of a URL must be inside the directory, which
 * is checked when the task is submitted. The real path of the file must be inside it too, which is
 * checked when the file is read, so that no symbolic link leads outside.
 */
export class FileSource implements InputSource {
  readonly scheme = "file:";
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor({ directory, maxBytes }: FileSourceOptions) {
    this.#directory = resolve(directory);
    this.#maxBytes = maxBytes;
  }

  async brokenRule(url: URL): Promise<string | undefined> {
    const path = pathOf(url);
    return path !== undefined && isBelow(path, this.#directory)
      ? undefined
      : "must lead to a file below the directory that the service's configuration allows";
  }

  async fetch(request: DownloadRequest): Promise<DownloadedInput> {
    const partPath = `${request.path}.part`;
    request.signal.throwIfAborted();
    try {
      await using file = await this.#open(request.url);
      const sizeBytes = await this.#checkedSize(file, request.url);
      await copy(file, sizeBytes, partPath, request);
      await rename(partPath, request.path);
      request.onProgress?.(sizeBytes, sizeBytes);
      return { sizeBytes };
    } catch (thrown) {
      request.signal.throwIfAborted();
      throw translate(thrown, request.url);
    } finally {
      await rm(partPath, { force: true });
    }
  }

  async #open(url: string): Promise<FileHandle> {
    const root = await realpath(this.#directory);
    const named = pathOf(new URL(url));
    const path = named !== undefined && isBelow(named, this.#directory) && (await realpath(named));
    if (!path || !isBelow(path, root))
      throw downloadError(
        "INPUT_ADDRESS_NOT_ALLOWED",
        url,
        "it is not in the directory that the service's configuration allows",
      );
    // O_NOFOLLOW: the file may have been replaced by a link since the check. O_NONBLOCK: opening a
    // pipe must not wait for a writer.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  async #checkedSize(file: FileHandle, url: string): Promise<number> {
    const stats = await file.stat();
    if (!stats.isFile()) throw downloadError("INPUT_REFUSED", url, "it is not a plain file");
    if (stats.size > this.#maxBytes)
      throw downloadError(
        "INPUT_TOO_LARGE",
        url,
        `it has ${stats.size} bytes, more than the allowed ${this.#maxBytes}`,
      );
    return stats.size;
  }
}

/**
 * Copies `sizeBytes` bytes even if the file grows meanwhile. If it shrinks, probing finds the input
 * damaged.
 */
async function copy(
  from: FileHandle,
  sizeBytes: number,
  to: string,
  { signal, onProgress }: DownloadRequest,
): Promise<void> {
  const target = createWriteStream(to, { highWaterMark: COPY_BYTES });
  const timer = setInterval(
    () => onProgress?.(target.bytesWritten, sizeBytes),
    PROGRESS_INTERVAL_MS,
  );
  try {
    const range = { start: 0, end: Math.max(0, sizeBytes - 1) };
    const source = from.createReadStream({
      ...range,
      autoClose: false,
      highWaterMark: COPY_BYTES,
    });
    await pipeline(source, target, { signal });
  } finally {
    clearInterval(timer);
  }
}

/**
 * The path that a URL names, with `..` resolved. Undefined if the URL names another machine or no
 * path.
 */
function pathOf(url: URL): string | undefined {
  try {
    return url.host === "" ? fileURLToPath(url) : undefined;
  } catch {
    // The URL has an encoded slash.
    return undefined;
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

function translate(thrown: unknown, url: string): unknown {
  const code = errorCode(thrown);
  const options = { cause: thrown };
  if (ABSENT.includes(code))
    return downloadError("INPUT_NOT_FOUND", url, "there is no such file", options);
  if (code === "ELOOP")
    return downloadError("INPUT_ADDRESS_NOT_ALLOWED", url, "it is a symbolic link", options);
  if (code === "EACCES" || code === "EPERM")
    return downloadError("INPUT_REFUSED", url, "the service may not read it", options);
  return translateDownloadError(thrown, url);
}
