import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes an empty directory of the running test's own; it is removed when the test has finished. */
export async function tempDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tmlsr-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
