import { expect, test } from "vitest";
import { FewAtOnce } from "../../../src/lib/few-at-once.js";

/** Calls all at once. @returns how many had begun after each turn of the event loop. */
async function turnsOf(few: FewAtOnce, count: number): Promise<number[]> {
  const begun: number[] = [];
  const all = Array.from({ length: count }, async (_, index) => {
    await few.next();
    begun.push(index);
  });
  const seen: number[] = [];
  while (seen.at(-1) !== count) {
    await Promise.resolve();
    await new Promise((resolve) => process.nextTick(resolve));
    seen.push(begun.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(begun).toEqual(Array.from({ length: count }, (_, index) => index));
  return seen;
}

test("lets a few begin in each turn of the event loop, in their order", async () => {
  const few = new FewAtOnce(3);
  expect(await turnsOf(few, 8)).toEqual([3, 6, 8]);
  expect(await turnsOf(few, 2)).toEqual([2]);
});
