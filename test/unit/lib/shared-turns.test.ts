import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { SharedTurns } from "../../../src/lib/shared-turns.js";

/** Keeps the event loop to itself for a while. */
function toil(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("however many walks there are, few items are visited before others get their turn", async () => {
  const turns = new SharedTurns();
  const visitedBy = Array<number>(20).fill(0);
  const countAll = () => visitedBy.reduce((sum, count) => sum + count, 0);
  const walks = visitedBy.map(async (_, walk) => {
    for (let item = 0; item < 10; item += 1) {
      await turns.next();
      toil(1);
      visitedBy[walk] = item + 1;
    }
  });
  const counts = [0];
  while (countAll() < 200) {
    await setImmediate();
    counts.push(countAll());
  }
  await Promise.all(walks);
  const between = counts.slice(1).map((count, index) => count - (counts[index] ?? 0));
  expect(Math.max(...between)).toBeLessThanOrEqual(5);
});

test("each walk gets its turn", async () => {
  const turns = new SharedTurns();
  const order: number[] = [];
  const walk = async (name: number) => {
    for (let item = 0; item < 3; item += 1) {
      await turns.next();
      toil(3);
      order.push(name);
    }
  };
  await Promise.all([walk(1), walk(2), walk(3)]);
  expect(order).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
});
