import { describe, expect, test } from "vitest";
import { WorkflowFaults } from "../../../../src/pool/server/workflow-faults.js";

const at = (seconds: number) => new Date(seconds * 1000);

describe("WorkflowFaults", () => {
  test("has no quarantine before anything went wrong", () => {
    expect(new WorkflowFaults().quarantine("a", at(0))).toBeUndefined();
  });

  test("quarantines one workflow at once when the server's error tells that it cannot run it", () => {
    const faults = new WorkflowFaults();
    faults.noteTrouble("a", "half a file", at(0));
    expect(faults.quarantine("a", at(1))).toMatchObject({ reason: "half a file" });
    expect(faults.quarantine("b", at(1))).toBeUndefined();
    expect(faults.quarantine("a", at(61))).toBeUndefined();
  });

  test("quarantines after two tasks in a row that others completed, not after one", () => {
    const faults = new WorkflowFaults();
    faults.noteRefuted("a", "one", at(0));
    expect(faults.quarantine("a", at(0))).toBeUndefined();
    faults.noteSuccess("a");
    faults.noteRefuted("a", "two", at(1));
    expect(faults.quarantine("a", at(1))).toBeUndefined();
    faults.noteRefuted("a", "three", at(2));
    expect(faults.quarantine("a", at(2))).toMatchObject({ reason: "three" });
  });

  test("quarantines for longer with each further fault, at most for ten minutes", () => {
    const faults = new WorkflowFaults();
    let last = 0;
    for (let count = 0; count < 12; count += 1) {
      faults.noteTrouble("a", "again", at(0));
      const { until } = faults.quarantine("a", at(0)) ?? { until: at(0) };
      expect(until.getTime()).toBeGreaterThanOrEqual(last * 0.5);
      last = until.getTime();
    }
    expect(last).toBeLessThanOrEqual(600_000);
    expect(last).toBeGreaterThanOrEqual(300_000);
  });
});
