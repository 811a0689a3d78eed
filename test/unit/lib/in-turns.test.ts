import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { inTurns, mapInTurns } from "../../../src/lib/in-turns.js";

/** Keeps the event loop to itself for a while. */
function toil(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

describe("inTurns()", () => {
  test("visits every item, in order", async () => {
    const visited: number[] = [];
    const items = Array.from({ length: 1_000 }, (_, index) => index);
    await inTurns(items, (item) => void visited.push(item));
    expect(visited).toEqual(items);
    expect(await mapInTurns(items, (item) => item * 2)).toEqual(items.map((item) => item * 2));
  });

  test("others get their turn between the items of a long walk", async () => {
    let visitedCount = 0;
    const seen = new Set<number>();
    const walk = inTurns(Array(40).fill(0), () => {
      toil(3);
      visitedCount += 1;
    });
    while (visitedCount < 40) {
      await setImmediate();
      seen.add(visitedCount);
    }
    await walk;
    expect(seen.size).toBeGreaterThan(10);
  });

  test("throws what the visit of an item throws", async () => {
    const broken = () => {
      throw new Error("no");
    };
    await expect(inTurns([1], broken)).rejects.toThrow("no");
  });
});
