import { expect, test, vi } from "vitest";
import { OssProgress } from "../../../../src/storage/oss/progress.js";

test("OssProgress adds up parts, reports at most four times a second and never less than before", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const reports: number[] = [];
    const progress = new OssProgress((bytes) => reports.push(bytes));
    progress.set(1, 10);
    progress.set(2, 10);
    expect(reports).toEqual([10]);
    vi.advanceTimersByTime(250);
    progress.set(2, 20);
    expect(reports).toEqual([10, 30]);
    vi.advanceTimersByTime(250);
    progress.set(2, 5);
    progress.reset();
    progress.set(1, 10);
    expect(reports).toEqual([10, 30]);
    progress.set(1, 40);
    expect(reports).toEqual([10, 30, 40]);
    progress.set(2, 2);
    progress.finish();
    expect(reports).toEqual([10, 30, 40, 42]);
  } finally {
    vi.useRealTimers();
  }
});
