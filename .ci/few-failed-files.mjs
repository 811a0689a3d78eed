// Prints the files in which tests failed, from vitest's own JSON report. Ends with 1 where there are none, or so many
// that the fault is not a passing one.
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const MAX_COUNT = 3;
const { testResults } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const failed = testResults.filter(({ status }) => status === "failed").map(({ name }) => relative(process.cwd(), name));
if (failed.length === 0 || failed.length > MAX_COUNT) process.exit(1);
console.log(failed.join(" "));
