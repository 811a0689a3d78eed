import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { workflowsDir } from "../workflows-dir.js";

/** The shipped workflows for the test; the chunks of one fade into each other over 4 frames. */
export async function fadingWorkflows(workflow: string): Promise<string> {
  const directory = await workflowsDir({});
  const path = join(directory, `${workflow}.yaml`);
  const stated = "context: { before: 6, after: 2 }, join: crossfade, overlap: 4, copies";
  const sidecar = (await readFile(path, "utf8")).replace("copies", stated);
  expect(sidecar).toContain("crossfade");
  await writeFile(path, sidecar);
  return directory;
}
