import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that is removed when it is disposed. */
export interface Directory extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty directory. */
export async function makeDirectory(): Promise<Directory> {
  const path = await mkdtemp(join(tmpdir(), "tmlsr-bench-"));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, [Symbol.asyncDispose]: remove };
}
