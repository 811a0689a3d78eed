import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes an empty directory for the running test. It is removed when the test has finished. */
export async function tempDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tmlsr-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
