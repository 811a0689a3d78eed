import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Builds `dist`, once for all tests of a run: processes and worker threads are started from there. TMLSR_SKIP_BUILD leaves
 * it as it is.
 */
export function setup(): void {
  if (process.env["TMLSR_SKIP_BUILD"]) return;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { status } = spawnSync("npm", ["run", "--silent", "build"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("Cannot run the tests: dist was not built");
}
