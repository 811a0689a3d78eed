import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** For how long, in milliseconds, nothing was written in a directory or below; 0 if it cannot be told. */
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
