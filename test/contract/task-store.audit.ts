import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../src/domain/audit.js";
import type { OpenStore } from "./task-store.contract.js";

const HOUR_MS = 3_600_000;

/** How a store keeps who did what, and how much keys may still do. */
export function describeAudit(open: OpenStore): void {
  describe("audit", () => {
    test("keeps entries as they are given, for all processes, the newest first, in pages", async () => {
      await using fixture = await open();
      const { audit } = fixture.store.keys;
      const first = entry(3, { subject: "\0 $x.y", keyId: "aaaaaaaa", address: "::1", count: 7 });
      const others = [entry(2), entry(2, { subject: "same time" }), entry(1)];
      await audit.add([first, ...others]);
      await audit.add([]);
      const { audit: rival } = fixture.rival.keys;
      const page = await rival.list(3);
      expect(page.entries).toEqual([...others].reverse());
      expect(await rival.list(3, page.nextPageToken)).toEqual({ entries: [first] });
      await expect(audit.list(1, "no token")).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    });

    test("deletes what is old, the oldest first", async () => {
      await using fixture = await open();
      const { audit } = fixture.store.keys;
      const entries = [100, 99, 98, 1].map((hours) => entry(hours, { subject: `${hours}` }));
      await audit.add(entries);
      expect(await audit.deleteOld(50 * HOUR_MS, 2)).toBe(2);
      expect((await audit.list(9)).entries.map(({ subject }) => subject)).toEqual(["1", "98"]);
      expect(await audit.deleteOld(50 * HOUR_MS, 2)).toBe(1);
      expect(await audit.deleteOld(50 * HOUR_MS, 2)).toBe(0);
      expect((await audit.list(9)).entries).toHaveLength(1);
    });
  });

  describe("buckets", () => {
    const bucket = { id: "requests:aaaaaaaa", capacity: 10, perSecond: 0.001 };

    test("shares a bucket between processes, and gives what is there", async () => {
      await using fixture = await open();
      const [one, other] = [fixture.store.keys.buckets, fixture.rival.keys.buckets];
      expect(await one.take(bucket, 4)).toMatchObject({ granted: 4 });
      expect(await other.take(bucket, 4)).toMatchObject({ granted: 4 });
      const last = await one.take(bucket, 4);
      expect(last.granted).toBe(2);
      expect(last.left).toBeCloseTo(0, 0);
      expect(await other.take(bucket, 4)).toMatchObject({ granted: 0 });
      expect(await other.take({ ...bucket, id: "another" }, 4)).toMatchObject({ granted: 4 });
    });

    test("never grants more than there is, however many take at the same moment", async () => {
      await using fixture = await open();
      const stores = [fixture.store, fixture.rival, fixture.store, fixture.rival];
      const taken = await Promise.all(stores.map(({ keys }) => keys.buckets.take(bucket, 3)));
      expect(taken.reduce((sum, { granted }) => sum + granted, 0)).toBe(10);
    });

    test("fills a bucket with time, up to what it holds, and lets it owe", async () => {
      await using fixture = await open();
      const { buckets } = fixture.store.keys;
      const quick = { ...bucket, perSecond: 100 };
      expect(await buckets.take(quick, 12, true)).toEqual({ granted: 12, left: -2 });
      expect((await buckets.take({ ...bucket, id: quick.id }, 5)).granted).toBeLessThan(5);
      await fixture.advance(500);
      expect(await buckets.take(quick, 99)).toMatchObject({ granted: 10 });
    });
  });
}

function entry(hoursAgo: number, fields: Partial<AuditEntry> = {}): AuditEntry {
  const at = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hoursAgo * HOUR_MS);
  return { at, action: "task.created", subject: "0".repeat(32), tenant: "acme", ...fields };
}
