import { basename, dirname, join } from "node:path";
import { isSafeKey } from "../object-key.js";

/** Where the object of a key is. @throws Error for a key that is not safe. */
export function pathOf(directory: string, key: string): string {
  if (!isSafeKey(key)) throw new Error(`Cannot keep ${JSON.stringify(key)}: it is no safe key`);
  return join(directory, key);
}

/** Where an object is while it is being put. Hidden, so that it is no key. */
export function partPath(path: string, id: string): string {
  return join(dirname(path), `.${basename(path)}.${id}.part`);
}

/** The name of the object whose put left this file; undefined where it is no such file. */
export function nameOfPart(fileName: string): string | undefined {
  return /^\.(.+)\.[^.]+\.part$/.exec(fileName)?.[1];
}
