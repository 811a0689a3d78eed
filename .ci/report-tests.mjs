// Prints what failed in a test run, with its reason, and a closing line that counts the tests, from vitest's own JSON
// reports: that of the whole run, and that of the files that ran again.
import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";

const REASON_LINES = 12;
const [all, again] = process.argv.slice(2).map((path) => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined));
const failures = all.testResults.flatMap(failuresOf);
const failedAgain = new Set(again?.testResults.flatMap(failuresOf).map(({ name }) => name));
const isUnsteady = ({ name }) => again !== undefined && !failedAgain.has(name);
for (const failure of failures) {
  const word = isUnsteady(failure) ? "UNSTEADY (failed beside others, passed alone):" : "FAILED:";
  const reason = failure.reason.split("\n").filter((line) => !line.includes("node_modules"));
  console.log(`${word} ${failure.name}\n${reason.slice(0, REASON_LINES).join("\n")}\n`);
}
const unsteadyCount = failures.filter(isUnsteady).length;
const passedCount = all.numPassedTests + unsteadyCount;
console.log(`${passedCount} passed, ${failures.length - unsteadyCount} failed, ${all.numPendingTests + all.numTodoTests} skipped`);

/** Failed tests of a file; the file itself where it failed without any. */
function failuresOf(file) {
  const path = relative(process.cwd(), file.name);
  const failed = file.assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0 && file.status === "failed") {
    return [{ name: path, reason: file.message }];
  }
  return failed.map((test) => ({ name: `${path}: ${test.fullName}`, reason: test.failureMessages.join("\n") }));
}
