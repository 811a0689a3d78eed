import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { tempDir } from "../../support/temp-dir.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const AS_SAVED = "test/fixtures/workflows/upscale-as-saved.json";

test("the check of a file that is no workflow names it as it was given", async () => {
  const message = 'Cannot read "README.md": its name must end in ".json"\n';
  expect(await failure("check", "README.md")).toEqual([1, message]);
});

test("a conversion that cannot be written fails with one sentence", async () => {
  await using server = await startCpuServer();
  const output = join(await tempDir(), "nowhere", "x.json");
  const [code, said] = await failure(
    "convert",
    AS_SAVED,
    "--server",
    server.url,
    "--output",
    output,
  );
  expect(said.split("\n").slice(-2)).toEqual([`Cannot write "${output}": ENOENT`, ""]);
  expect(said).not.toContain("at ");
  expect(code).toBe(1);
});

/** Runs the command in the repository, and expects that it fails. @returns exit code and standard error */
async function failure(...args: string[]): Promise<readonly [number, string]> {
  const run = promisify(execFile)("node", ["dist/workflow/cli.js", ...args], { cwd: ROOT });
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown as { readonly code: number; readonly stderr: string },
  );
  if (error === undefined) throw new Error("The command did not fail");
  return [error.code, error.stderr];
}
