import { basename, dirname, join } from "node:path";
import { isSafeKey } from "../object-key.js";

/** The path of the object of a key. @throws Error for an unsafe key. */
export function pathOf(directory: string, key: string): string {
  if (!isSafeKey(key)) throw new Error(`Cannot keep ${JSON.stringify(key)}: it is no safe key`);
  return join(directory, key);
}

/**
 * The path of an object while it is being put. Its name is hidden, so it is never the path of a
 * key.
 */
export function partPath(path: string, id: string): string {
  return join(dirname(path), `.${basename(path)}.${id}.part`);
}

/**
 * The name of the object that this unfinished file belongs to. Undefined if it is not an unfinished
 * file.
 */
export function nameOfPart(fileName: string): string | undefined {
  return /^\.(.+)\.[^.]+\.part$/.exec(fileName)?.[1];
}
