// Runs dependency-cruiser and also demands that it saw the code: a cruiser that cannot read TypeScript finds 0 modules
// and no violation.
import { spawnSync } from "node:child_process";

const LEAST_MODULES = 150;
const { stdout, stderr, status } = spawnSync("depcruise", ["src", "--output-type", "err"], { encoding: "utf8" });
process.stdout.write(stdout);
process.stderr.write(stderr);
const count = Number(/\((\d+) modules/.exec(stdout)?.[1] ?? 0);
if (status === 0 && count < LEAST_MODULES) {
  console.error(`Only ${count} modules were looked at, at least ${LEAST_MODULES} were expected`);
  process.exitCode = 1;
} else process.exitCode = status ?? 1;
