import { expect, test } from "vitest";
import { BusyTime } from "../../../../src/pool/server/busy-time.js";

test("counts the time while something was busy, up to now", () => {
  let nowMs = 0;
  const busy = new BusyTime(() => nowMs);
  const at = (ms: number, isBusy: boolean) => {
    nowMs = ms;
    busy.set(isBusy);
    return busy.totalMs;
  };
  expect([at(10, true), at(30, true), at(35, false), at(90, false)]).toEqual([0, 20, 25, 25]);
  at(100, true);
  nowMs = 107;
  expect(busy.totalMs).toBe(32);
});
