import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** How long nothing was written in a directory or below, in milliseconds; 0 if that is unknown. */
export async function untouchedFor(directory: string): Promise<number> {
  try {
    const below = await readdir(directory, { recursive: true });
    const paths = [directory, ...below.map((name) => join(directory, name))];
    const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
    return Math.max(0, Date.now() - Math.max(...times));
  } catch {
    return 0;
  }
}
