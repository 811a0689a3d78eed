import { readdirSync } from "node:fs";
import { extname } from "node:path";
import type { Folders } from "../folders.js";

/**
 * The files of some types in the input folder, which a node offers for choice; folders are left out. At once, since
 * each prompt asks for it: a trip to another thread takes longer.
 */
export function listInput(folders: Folders, extensions: ReadonlySet<string>): string[] {
  return readdirSync(folders.path("input"), { withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.has(extname(entry.name).toLowerCase()))
    .map(({ name }) => name)
    .sort();
}
