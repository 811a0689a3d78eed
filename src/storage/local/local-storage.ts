import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, open, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TaskError } from "../../domain/errors.js";
import { errorCode } from "../../lib/error-code.js";
import { removeFile } from "../../lib/remove-file.js";
import { encodeKey } from "../object-key.js";
import type { GetOptions, ObjectStorage, PutOptions, StoredFile } from "../object-storage.js";
import { linkOrCopy } from "./copy-file.js";
import { findLocal, listLocal, removeIfEmpty, removeLocal, removeParts } from "./directory.js";
import { localError } from "./errors.js";
import { type LocalObject, openLocalObject } from "./object.js";
import { partPath, pathOf } from "./path.js";

/** Options of the local storage. */
export interface LocalStorageOptions {
  /** Created if it does not exist. Several replicas share one. */
  readonly directory: string;
  /**
   * Absolute. The key is appended to it. It is read at each use, because with a free port it is
   * known only after the service listens.
   */
  readonly publicUrl: string;
}

/** Results and uploads on the local disk. The service itself serves the results. */
export interface LocalStorage extends ObjectStorage {
  /** Opens an object for reading, see {@link openLocalObject}. */
  open(key: string): Promise<LocalObject | undefined>;
}

/**
 * Keeps objects in a directory. An object appears by one rename. When `put` returns, its bytes and
 * its name are on disk. If the file system allows it, the object is a hard link to the source file
 * and not a copy.
 */
export function createLocalStorage(options: LocalStorageOptions): LocalStorage {
  const directory = resolve(options.directory);
  const base = (): string => {
    const { publicUrl } = options;
    return publicUrl.endsWith("/") ? publicUrl.replace(/\/+$/, "") : publicUrl;
  };
  return {
    async probe() {
      try {
        await mkdir(directory, { recursive: true });
        await access(directory, constants.W_OK | constants.X_OK);
      } catch (thrown) {
        throw localError(`store results in ${JSON.stringify(directory)}`, thrown);
      }
    },
    put: (file, options) => put(directory, file, options),
    discard: (key) => discard(directory, key),
    url: async (key) => ({ url: `${base()}/${encodeKey(key)}` }),
    find: (key) => findLocal(directory, key),
    get: (key, path, options) => get(directory, key, path, options),
    list: (folder) => listLocal(directory, folder),
    remove: (key) => removeLocal(directory, key),
    open: (key) => openLocalObject(directory, key),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function put(directory: string, file: StoredFile, options: PutOptions): Promise<void> {
  const path = pathOf(directory, file.key);
  const folder = dirname(path);
  // Each put has its own temporary name, because a holder that lost its lease may still write the
  // same object.
  const part = partPath(path, randomUUID());
  try {
    options.signal.throwIfAborted();
    await mkdir(folder, { recursive: true });
    await linkOrCopy(file.path, part, options);
    await Promise.all([syncWhole(file, part), options.judged, syncAbove(folder, directory)]);
    options.signal.throwIfAborted();
    await rename(part, path);
    // If both names are links to the same file, rename keeps both.
    await Promise.all([sync(folder), removeFile(part)]);
    options.onProgress?.(file.sizeBytes);
  } catch (thrown) {
    // No part and no empty folder stays of an object that is not there; what hinders that has made the put fail.
    await removeFile(part).catch(() => undefined);
    await removeIfEmpty(folder).catch(() => undefined);
    options.signal.throwIfAborted();
    throw localError(`store ${JSON.stringify(file.key)}`, thrown);
  }
}

async function get(
  directory: string,
  key: string,
  path: string,
  options: GetOptions,
): Promise<boolean> {
  options.signal.throwIfAborted();
  if ((await findLocal(directory, key)) === undefined) return false;
  try {
    await linkOrCopy(pathOf(directory, key), path, options);
    return true;
  } catch (thrown) {
    options.signal.throwIfAborted();
    // The object was removed just now.
    if (errorCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

/** Flushes a file, which has to have its size. */
async function syncWhole({ key, sizeBytes }: StoredFile, part: string): Promise<void> {
  await using handle = await open(part);
  const [{ size }] = await Promise.all([handle.stat(), handle.sync()]);
  if (size !== sizeBytes)
    throw new TaskError(
      "UPLOAD_FAILED",
      `Cannot store ${JSON.stringify(key)}: the file has ${size} bytes, not ${sizeBytes}`,
    );
}

/** Flushes the names in a directory to the disk. */
async function sync(path: string): Promise<void> {
  await using handle = await open(path);
  await handle.sync();
}

/** A name is safely on disk only when all directories above it are. */
async function syncAbove(folder: string, root: string): Promise<void> {
  const above = dirname(folder);
  if (folder !== root && above !== folder) await Promise.all([sync(above), syncAbove(above, root)]);
}

async function discard(directory: string, key: string): Promise<void> {
  try {
    await removeParts(pathOf(directory, key));
  } catch (thrown) {
    if (errorCode(thrown) !== "ENOENT") throw localError(`store ${JSON.stringify(key)}`, thrown);
  }
}
