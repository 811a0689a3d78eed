import { describe, expect, test } from "vitest";
import {
  addSample,
  MINUTE_MS,
  type OwnMinute,
  toHistory,
} from "../../../../src/store/core/history.js";
import type { HistorySample } from "../../../../src/store/history-archive.js";

const NOW_MS = 100 * MINUTE_MS;

function sample(overrides: Partial<HistorySample> = {}): HistorySample {
  const servers = [{ address: "a", busyMs: 20_000, upMs: 30_000, faultCount: 1 }];
  const ended = { completed: 5, failed: 1, canceled: 0 };
  return { owner: "one", servers, queueAgeMs: 10, ended, ...overrides };
}

function minute(at: number, ...samples: HistorySample[]): OwnMinute {
  const made = samples.reduce<OwnMinute | undefined>(
    (former, each) => addSample(former, each, at * MINUTE_MS),
    undefined,
  );
  if (made === undefined) throw new Error("No sample");
  return made;
}

describe("toHistory()", () => {
  test("adds the samples of a process, and takes the longest wait", () => {
    const [only] = toHistory([minute(99, sample({ queueAgeMs: 70 }), sample())], NOW_MS);
    expect(only).toEqual({
      at: new Date(99 * MINUTE_MS),
      ended: { completed: 0, failed: 0, canceled: 0 },
      queueAgeMs: 70,
      servers: [{ address: "a", busyMs: 40_000, idleMs: 20_000, faultCount: 2 }],
    });
  });

  test("counts what several processes see alike once, and what each did by itself together", () => {
    const others = ["two", "three"].map((owner) => minute(99, sample({ owner })));
    const [, last] = toHistory(
      [
        minute(98, sample({ ended: { completed: 2, failed: 1, canceled: 0 } })),
        minute(99, sample()),
        ...others,
      ],
      NOW_MS,
    );
    expect(last?.ended).toEqual({ completed: 3, failed: 0, canceled: 0 });
    expect(last?.servers).toEqual([{ address: "a", busyMs: 60_000, idleMs: 0, faultCount: 3 }]);
  });

  test("has an hour, the oldest first", () => {
    const all = Array.from({ length: 90 }, (_, index) => minute(100 - index, sample()));
    const minutes = toHistory(all, NOW_MS).map(({ at }) => at.getTime() / MINUTE_MS);
    expect(minutes).toEqual(Array.from({ length: 60 }, (_, index) => 41 + index));
  });
});
