import { describe, expect, test } from "vitest";
import type { LearnedTime } from "../../src/domain/learned-time.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { MAX_LEARNED_TIMES } from "../../src/store/time-archive.js";
import type { OpenStore } from "./task-store.contract.js";

/** As many as a slow database takes at once. */
const BATCH_COUNT = 500;
const average = { ms: 1_500.5, framePixels: 64 * 48 * 12 };

async function load(store: TaskStore): Promise<readonly LearnedTime[]> {
  const found = await store.loadTimes();
  const nameOf = ({ series, sizeLog2 }: LearnedTime): string => `${series} ${sizeLog2}`;
  return found.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** What was learned of how long prompts take. */
export function describeLearning(open: OpenStore): void {
  describe("loadTimes() and saveTimes()", () => {
    test("give none at first, then what was saved", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      expect(await load(store)).toEqual([]);
      await store.saveTimes([]);
      const times = [
        { series: "$a.run", sizeLog2: 15, average },
        { series: "$a.run", sizeLog2: 16, average: { ms: 9, framePixels: 7 } },
        { series: '["node", "1"]', sizeLog2: 15, longestMs: 20.25 },
      ];
      await store.saveTimes(times);
      expect(await load(rival)).toEqual(times);
    });

    test("keep the longest of two times and the newest average, whichever process saved them", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const [run, node] = [
        { series: "run", sizeLog2: 3 },
        { series: "node", sizeLog2: 3 },
      ];
      await store.saveTimes([
        { ...run, average },
        { ...node, longestMs: 40 },
      ]);
      const newer = { ms: 700, framePixels: 900 };
      await rival.saveTimes([
        { ...run, average: newer },
        { ...node, longestMs: 30 },
      ]);
      expect(await load(store)).toEqual([
        { ...node, longestMs: 40 },
        { ...run, average: newer },
      ]);
      await rival.saveTimes([{ ...node, longestMs: 50 }]);
      expect(await load(store)).toEqual([
        { ...node, longestMs: 50 },
        { ...run, average: newer },
      ]);
    });

    test("drop what was not saved for longest, where there is too much", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const [old, kept] = [
        { series: "old", sizeLog2: 1 },
        { series: "kept", sizeLog2: 1 },
      ];
      await store.saveTimes([
        { ...old, longestMs: 1 },
        { ...kept, longestMs: 1 },
      ]);
      await fixture.advance(10);
      const many = Array.from({ length: MAX_LEARNED_TIMES - 1 }, (_, index) => ({
        ...{ series: `many ${index}`, sizeLog2: 1, longestMs: 1 },
      }));
      await store.saveTimes([{ ...kept, longestMs: 1 }]);
      for (let at = 0; at < many.length; at += BATCH_COUNT)
        await store.saveTimes(many.slice(at, at + BATCH_COUNT));
      const found = await load(store);
      expect(found).toHaveLength(MAX_LEARNED_TIMES);
      const series = new Set(found.map((time) => time.series));
      expect([series.has("old"), series.has("kept")]).toEqual([false, true]);
    });
  });
}
