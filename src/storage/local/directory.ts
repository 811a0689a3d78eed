import type { Stats } from "node:fs";
import { lstat, readdir, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { errorCode } from "../../lib/error-code.js";
import type { ObjectInfo } from "../object-storage.js";
import { localError } from "./errors.js";
import { nameOfPart, pathOf } from "./path.js";

/** Error codes of opening a file that does not exist. */
const ABSENT: readonly string[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** {@link ObjectStorage.find} for a directory. */
export async function findLocal(directory: string, key: string): Promise<ObjectInfo | undefined> {
  const stats = await statIfThere(pathOf(directory, key));
  return stats && infoOf(key, stats);
}

/** {@link ObjectStorage.list} for a directory. Files that are removed meanwhile are left out. */
export async function* listLocal(directory: string, folder: string): AsyncGenerator<ObjectInfo> {
  for (const path of await filesBelow(join(directory, folder))) {
    const stats = await statIfThere(path);
    if (stats === undefined) continue;
    const name = nameOfPart(basename(path)) ?? basename(path);
    const key = join(relative(directory, dirname(path)), name)
      .split(sep)
      .join("/");
    yield infoOf(key, stats);
  }
}

/** {@link ObjectStorage.remove} for a directory. A folder that becomes empty is removed too. */
export async function removeLocal(directory: string, key: string): Promise<void> {
  const path = pathOf(directory, key);
  try {
    await rm(path, { force: true });
    await removeParts(path);
    await removeIfEmpty(dirname(path));
  } catch (thrown) {
    if (!ABSENT.includes(errorCode(thrown)))
      throw localError(`remove ${JSON.stringify(key)}`, thrown);
  }
}

/** Removes a folder unless there is something in it. */
export async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (thrown) {
    if (![...ABSENT, "ENOTEMPTY", "EEXIST"].includes(errorCode(thrown))) throw thrown;
  }
}

/** Removes the unfinished files of killed puts. */
export async function removeParts(path: string): Promise<void> {
  for (const name of await readdir(dirname(path)))
    if (nameOfPart(name) === basename(path)) await rm(join(dirname(path), name), { force: true });
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (thrown) {
    if (ABSENT.includes(errorCode(thrown))) return [];
    throw localError(`look into ${JSON.stringify(folder)}`, thrown);
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : undefined;
  } catch (thrown) {
    if (ABSENT.includes(errorCode(thrown))) return undefined;
    throw localError(`look for ${JSON.stringify(basename(path))}`, thrown);
  }
}

function infoOf(key: string, { size, mtime }: Stats): ObjectInfo {
  return { key, sizeBytes: size, modifiedAt: mtime };
}
