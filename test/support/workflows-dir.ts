import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir } from "./temp-dir.js";

/**
 * Makes a directory with the shipped workflows for the test, and adds lines to the sidecars of
 * some.
 */
export async function workflowsDir(added: Readonly<Record<string, string>>): Promise<string> {
  const directory = await tempDir();
  await cp(fileURLToPath(new URL("../../workflows", import.meta.url)), directory, {
    recursive: true,
  });
  for (const [name, lines] of Object.entries(added))
    await writeFile(join(directory, `${name}.yaml`), `\n${lines}\n`, { flag: "a" });
  return directory;
}
