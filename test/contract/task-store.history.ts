import { describe, expect, test } from "vitest";
import type { OpenStore } from "./task-store.contract.js";

/** What a store keeps of the last hour. */
export function describeHistory(open: OpenStore): void {
  describe("history", () => {
    test("keeps what several processes noted, and tells it to all", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const servers = [{ address: "http://gpu:8188", busyMs: 1_000, upMs: 5_000, faultCount: 1 }];
      const ended = { completed: 1, failed: 0, canceled: 0 };
      const before = await store.history.now();
      for (const [each, owner] of [
        [store, "one"],
        [rival, "two"],
        [store, "one"],
      ] as const)
        await each.history.noteHistory({ owner, servers, queueAgeMs: 7, ended });
      const minutes = await rival.history.history();
      expect(minutes.map(({ at }) => at.getTime() % 60_000)).toEqual(minutes.map(() => 0));
      const all = minutes.flatMap((minute) => minute.servers);
      expect(all.reduce((sum, { busyMs }) => sum + busyMs, 0)).toBe(3_000);
      expect(all.reduce((sum, { faultCount }) => sum + faultCount, 0)).toBe(3);
      expect(minutes.at(-1)?.queueAgeMs).toBe(7);
      expect((await rival.history.now()).getTime()).toBeGreaterThanOrEqual(before.getTime());
    });
  });
}
