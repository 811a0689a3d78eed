import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import type { Folders, FolderType } from "../folders.js";
import { PythonError } from "../python-text.js";
import type { FrameSize } from "./frames.js";

/** A saved file as an output node lists it. */
export interface SavedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: FolderType;
}

/** The folder and names for the files of an output node. */
export interface OutputPlace {
  /** The file that is `index` files after the first free name. */
  file(index: number, extension: string): { readonly path: string; readonly saved: SavedFile };
}

/**
 * Finds free names `PREFIX_00001_.EXT` in a folder. The prefix may contain folders, which are
 * created, and ComfyUI's variables.
 *
 * @throws PythonError if the path is outside of the folder.
 */
export async function findPlace(
  folders: Folders,
  type: FolderType,
  prefix: string,
  { width, height }: FrameSize,
): Promise<OutputPlace> {
  const expanded = normalize(expand(prefix, width, height));
  const subfolder = dirname(expanded) === "." ? "" : dirname(expanded);
  const dir = folders.resolve(type, subfolder);
  if (dir === undefined) {
    const message = "**** ERROR: Saving image outside the output folder is not allowed.";
    throw new PythonError("Exception", message);
  }
  await mkdir(dir, { recursive: true });
  const name = basename(expanded);
  const counter = await nextCounter(dir, name);
  return {
    file: (index, extension) => {
      const number = String(counter + index).padStart(5, "0");
      const stem = name.replaceAll("%batch_num%", String(index));
      const filename = `${stem}_${number}_.${extension}`;
      return { path: join(dir, filename), saved: { filename, subfolder, type } };
    },
  };
}

/**
 * Writes a file that gets its name only when it is complete. After a crash the incomplete file is
 * in `temp/`.
 */
export async function placeFile(
  folders: Folders,
  path: string,
  write: (part: string) => Promise<void>,
): Promise<void> {
  const part = join(folders.path("temp"), `${randomUUID()}.part`);
  try {
    await write(part);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Replaces the server's own variables. `%date:...%` is for the web page and stays as it is. */
function expand(prefix: string, width: number, height: number): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  return prefix
    .replaceAll("%width%", String(width))
    .replaceAll("%height%", String(height))
    .replaceAll("%year%", String(now.getFullYear()))
    .replaceAll("%month%", two(now.getMonth() + 1))
    .replaceAll("%day%", two(now.getDate()))
    .replaceAll("%hour%", two(now.getHours()))
    .replaceAll("%minute%", two(now.getMinutes()))
    .replaceAll("%second%", two(now.getSeconds()));
}

async function nextCounter(dir: string, name: string): Promise<number> {
  const taken = (await readdir(dir)).map((file) => {
    const isOurs = file.startsWith(`${name}_`);
    const digits = isOurs ? /^\d+/.exec(file.slice(name.length + 1)) : null;
    return digits === null ? 0 : Number(digits[0]);
  });
  return taken.reduce((most, number) => Math.max(most, number), 0) + 1;
}
