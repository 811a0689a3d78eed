// Prints what failed in a test run, with its reason, and a closing line that counts the tests, from vitest's own JSON report.
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const reasonLines = 12;
const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const failures = report.testResults.flatMap(failuresOf);
for (const { name, reason } of failures) {
  console.log(`FAILED ${name}\n${reason.split("\n").slice(0, reasonLines).join("\n")}\n`);
}
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${failures.length} failed, ${skipped} skipped`);

/** Failed tests of a file; the file itself where it failed without any. */
function failuresOf(file) {
  const path = relative(process.cwd(), file.name);
  const failed = file.assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0 && file.status === "failed") {
    return [{ name: path, reason: file.message }];
  }
  return failed.map((test) => ({ name: `${path}: ${test.fullName} (${Math.round(test.duration ?? 0)} ms)`, reason: test.failureMessages.join("\n") }));
}
