import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Compiles `src` to `dist` and builds the page, once for all tests of a run: processes and worker threads are started from
 * there. TMLSR_SKIP_BUILD leaves it as it is.
 */
export function setup(): void {
  if (process.env["TMLSR_SKIP_BUILD"]) return;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  // Type errors do not stop the output; the type check reports them.
  spawnSync(process.execPath, [tsc, "-p", root], { cwd: root, stdio: "ignore" });
  const vite = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));
  spawnSync(process.execPath, [vite, "build", "src/page"], { cwd: root, stdio: "ignore" });
  const entry = new URL("../../dist/cpu-server/main.js", import.meta.url);
  if (!existsSync(entry)) throw new Error("Cannot run the tests: dist was not built");
}
