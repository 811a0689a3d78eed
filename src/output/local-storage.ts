import { randomUUID } from "node:crypto";
import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { TaskError } from "../domain/errors.js";
import { errorCode } from "../lib/error-code.js";
import { type LocalObject, openLocalObject } from "./local-object.js";
import { encodeKey, isSafeKey } from "./object-key.js";
import type { ObjectStorage, PutOptions, StoredFile } from "./object-storage.js";

const COPY_BYTES = 1024 * 1024;
const PROGRESS_INTERVAL_MS = 200;

/** Where results are kept on this machine, and the address under which they are served. */
export interface LocalStorageOptions {
  /** Made when it is missing. Several replicas share one. */
  readonly directory: string;
  /** Absolute; the key is appended to it. Read at each use: a free port is known only once it is listened on. */
  readonly publicUrl: string;
}

/** Results on local disk, served by the service itself. */
export interface LocalStorage extends ObjectStorage {
  /** Opens an object for reading, see {@link openLocalObject}. */
  open(key: string): Promise<LocalObject | undefined>;
}

/**
 * Keeps results below a directory. An object appears by one rename and is on disk, with its name,
 * before `put` answers; where the file system can, it is the source file itself and no copy.
 */
export function createLocalStorage(options: LocalStorageOptions): LocalStorage {
  const directory = resolve(options.directory);
  const base = (): string => options.publicUrl.replace(/\/+$/, "");
  return {
    async probe() {
      try {
        await mkdir(directory, { recursive: true });
        await access(directory, constants.W_OK | constants.X_OK);
      } catch (thrown) {
        throw storageError(`results in ${JSON.stringify(directory)}`, thrown);
      }
    },
    put: (file, options) => put(directory, file, options),
    discard: (key) => discard(directory, key),
    url: async (key) => ({ url: `${base()}/${encodeKey(key)}` }),
    open: (key) => openLocalObject(directory, key),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function put(directory: string, file: StoredFile, options: PutOptions): Promise<void> {
  const path = pathOf(directory, file.key);
  try {
    options.signal.throwIfAborted();
    await mkdir(dirname(path), { recursive: true });
    await place(file, path, options);
    await syncDirectories(dirname(path), directory);
    options.onProgress?.(file.sizeBytes);
  } catch (thrown) {
    options.signal.throwIfAborted();
    throw storageError(JSON.stringify(file.key), thrown);
  }
}

async function place(file: StoredFile, path: string, options: PutOptions): Promise<void> {
  // A name of its own: a holder that has lost its lease may still be writing the same object.
  const partPath = join(dirname(path), `${partPrefix(path)}${randomUUID()}.part`);
  try {
    await linkOrCopy(file, partPath, options);
    await sync(partPath);
    await checkSize(file, partPath);
    options.signal.throwIfAborted();
    await rename(partPath, path);
  } finally {
    // Also after a rename: of two links to one file it removes none.
    await rm(partPath, { force: true });
  }
}

/** What `link` answers where it cannot: another file system, or one without hard links. */
const CANNOT_LINK: readonly string[] = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "ENOSYS"];

async function linkOrCopy(file: StoredFile, partPath: string, options: PutOptions): Promise<void> {
  try {
    await link(file.path, partPath);
  } catch (thrown) {
    if (!CANNOT_LINK.includes(errorCode(thrown))) throw thrown;
    await copy(file.path, partPath, options);
  }
}

async function copy(
  from: string,
  to: string,
  { signal, onProgress = () => {} }: PutOptions,
): Promise<void> {
  const source = createReadStream(from, { highWaterMark: COPY_BYTES });
  const target = createWriteStream(to, { flags: "wx", highWaterMark: COPY_BYTES });
  const timer = setInterval(() => onProgress(target.bytesWritten), PROGRESS_INTERVAL_MS);
  try {
    await pipeline(source, target, { signal });
  } finally {
    clearInterval(timer);
  }
}

async function checkSize({ key, sizeBytes }: StoredFile, partPath: string): Promise<void> {
  const { size } = await stat(partPath);
  if (size !== sizeBytes)
    throw new TaskError(
      "UPLOAD_FAILED",
      `Cannot store ${JSON.stringify(key)}: the file has ${size} bytes, not ${sizeBytes}`,
    );
}

/** Brings a file's content, or a directory's names, to the disk. */
async function sync(path: string): Promise<void> {
  await using handle = await open(path);
  await handle.sync();
}

/** A name is on disk once every directory above it is. */
async function syncDirectories(from: string, root: string): Promise<void> {
  await sync(from);
  if (from !== root && from !== dirname(from)) await syncDirectories(dirname(from), root);
}

/** Removes what a put left that was killed. */
async function discard(directory: string, key: string): Promise<void> {
  const path = pathOf(directory, key);
  try {
    for (const name of await readdir(dirname(path)))
      if (name.startsWith(partPrefix(path)) && name.endsWith(".part"))
        await rm(join(dirname(path), name), { force: true });
  } catch (thrown) {
    if (errorCode(thrown) !== "ENOENT") throw storageError(JSON.stringify(key), thrown);
  }
}

/** Hidden, so that it is no key. */
function partPrefix(path: string): string {
  return `.${basename(path)}.`;
}

function pathOf(directory: string, key: string): string {
  if (!isSafeKey(key)) throw new Error(`Cannot keep ${JSON.stringify(key)}: it is no safe key`);
  return join(directory, key);
}

const REFUSING: readonly string[] = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"];

function storageError(what: string, thrown: unknown): unknown {
  if (thrown instanceof TaskError || errorCode(thrown) === "") return thrown;
  const code = errorCode(thrown);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new TaskError("DISK_FULL", `Cannot store ${what}: the disk is full`, { cause: thrown });
  return REFUSING.includes(code)
    ? new TaskError(
        "STORAGE_REFUSED",
        `Cannot store ${what}: the service may not write there (${code}), give it the right to`,
        { cause: thrown },
      )
    : new TaskError("UPLOAD_FAILED", `Cannot store ${what}: the disk failed (${code})`, {
        cause: thrown,
      });
}
