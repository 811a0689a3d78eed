import { describe, expect, test } from "vitest";
import { TASK_ID, TaskIds } from "../../../../src/store/core/task-ids.js";

describe("TaskIds", () => {
  test("makes growing ids of the right form, even if the clock stands still or goes back", () => {
    const source = new TaskIds();
    const times = [1_700_000_000_000, 1_700_000_000_000, 1_600_000_000_000, 0, 1_700_000_000_001];
    const ids = times.map((ms) => source.next(ms));
    for (const id of ids) expect(id).toMatch(TASK_ID);
    expect(ids).toEqual(ids.toSorted());
    expect(ids[0]?.slice(0, 12)).toBe((1_700_000_000_000).toString(16).padStart(12, "0"));
    expect(ids[4]?.slice(0, 16)).toBe("018bcfe568010000");
  });

  test("goes on growing when a millisecond has more than its counter can tell apart", () => {
    const source = new TaskIds();
    let last = "";
    for (let i = 0; i < 65_540; i++) {
      const id = source.next(5);
      if (id <= last) expect(id > last).toBe(true);
      last = id;
    }
    expect(last.slice(0, 12)).toBe("000000000006");
  });

  test("makes 64 bits of each id random", () => {
    const tails = Array.from({ length: 100 }, () => new TaskIds().next(1).slice(16));
    expect(new Set(tails).size).toBe(100);
    for (let digit = 0; digit < 16; digit++) {
      expect(new Set(tails.map((tail) => tail[digit])).size).toBeGreaterThan(5);
    }
  });
});
