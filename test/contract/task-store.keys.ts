import { describe, expect, test } from "vitest";
import type { NewKey } from "../../src/store/key-archive.js";
import type { OpenStore } from "./task-store.contract.js";

/** How a store keeps keys. */
export function describeKeys(open: OpenStore): void {
  describe("keys", () => {
    test("keeps a key as it is given, for all processes, the newest first", async () => {
      await using fixture = await open();
      const { store, rival, advance } = fixture;
      const expiresAt = new Date(Date.now() + 3_600_000);
      const first = await store.keys.add(key({ keyId: "aaaaaaaa", title: "\0 $x", expiresAt }));
      await advance(20);
      await rival.keys.add(key({ keyId: "bbbbbbbb" }));
      expect(first).toMatchObject({ ...key({ keyId: "aaaaaaaa", title: "\0 $x", expiresAt }) });
      expect(first).not.toHaveProperty("revokedAt");
      const listed = await rival.keys.list();
      expect(listed.map(({ keyId }) => keyId)).toEqual(["bbbbbbbb", "aaaaaaaa"]);
      expect(listed[1]).toEqual(first);
    });

    test("refuses an id that is taken, and leaves its key alone", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await store.keys.add(key({ title: "one" }));
      const version = await rival.keys.version();
      expect(await rival.keys.add(key({ title: "two" }))).toBeUndefined();
      expect(await store.keys.list()).toMatchObject([{ title: "one" }]);
      expect(await store.keys.version()).toBe(version);
    });

    test("revokes a key once and for ever, which all processes see by the version", async () => {
      await using fixture = await open();
      const { store, rival, advance } = fixture;
      await store.keys.add(key({}));
      const version = await rival.keys.version();
      const revoked = await store.keys.revoke("aaaaaaaa");
      expect(revoked?.revokedAt).toBeInstanceOf(Date);
      expect(await rival.keys.version()).not.toBe(version);
      await advance(20);
      expect(await rival.keys.revoke("aaaaaaaa")).toEqual(revoked);
      expect(await rival.keys.revoke("bbbbbbbb")).toBeUndefined();
    });

    test("notes the latest use of a key, which is no change of it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await store.keys.add(key({}));
      const version = await store.keys.version();
      const [early, late] = [new Date(60_000), new Date(120_000)];
      await rival.keys.noteUsed(new Map([["aaaaaaaa", late]]));
      await store.keys.noteUsed(
        new Map([
          ["aaaaaaaa", early],
          ["unknown", late],
        ]),
      );
      expect((await store.keys.list()).map(({ lastUsedAt }) => lastUsedAt)).toEqual([late]);
      expect(await store.keys.version()).toBe(version);
    });

    test("has one secret for all processes", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const [one, other] = await Promise.all([store.keys.secret(), rival.keys.secret()]);
      expect(Buffer.from(one)).toEqual(Buffer.from(other));
      expect(one).toHaveLength(32);
    });
  });
}

function key(fields: Partial<NewKey>): NewKey {
  const hash = "0".repeat(64);
  return { keyId: "aaaaaaaa", hash, tenant: "acme", scopes: ["read"], title: "t", ...fields };
}
