import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import { cutLeased, leaseChunk } from "../../../support/film-builders.js";
import { aLease, aTask, fenceOf, LONG_LEASE_MS } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

const FOLDER = fileURLToPath(new URL("../../../fixtures/stores/schema-3", import.meta.url));

/** A task as the version of before read it, as JSON. */
interface TaskOfBefore {
  readonly taskId: string;
  readonly status: string;
  readonly lease?: { readonly owner: string };
}

interface StoreOfBefore {
  readonly storeId: string;
  readonly counts: object;
  readonly tasks: readonly TaskOfBefore[];
}

async function openBefore(): Promise<{
  readonly store: TaskStore;
  readonly before: StoreOfBefore;
}> {
  const directory = await tempDir();
  await copyFile(join(FOLDER, "store.sqlite"), join(directory, "store.sqlite"));
  const before = JSON.parse(await readFile(join(FOLDER, "tasks.json"), "utf8")) as StoreOfBefore;
  return { store: await openEmbeddedStore({ directory }), before };
}

test("reads every task of a store of schema 3 as it was", async () => {
  const { store, before } = await openBefore();
  await using _store = store;
  expect(store.storeId).toBe(before.storeId);
  expect(await store.counts()).toEqual(before.counts);
  const { tasks } = await store.list({ pageSize: 100 });
  const voided = JSON.parse(JSON.stringify(tasks, withoutExpiry));
  expect(voided).toEqual(JSON.parse(JSON.stringify(before.tasks, withoutExpiry)));
  const { tasks: labeled } = await store.list({ pageSize: 9, labels: [["shop", "a"]] });
  expect(labeled.map(({ status }) => status)).toEqual(["processing", "completed"]);
  expect(await store.loadWorkflow("v1")).toEqual({ nodes: [] });
  expect(await store.loadTimes()).toHaveLength(1);
});

test("goes on with the tasks of a store of schema 3", async () => {
  const { store } = await openBefore();
  await using _store = store;
  const replay = await store.create(
    aTask({ priority: 2, idempotency: { key: "key-1", requestHash: "hash-1" } }),
  );
  expect(replay.outcome).toBe("replayed");
  const orphans = [];
  for (let i = 0; i < 2; i++) orphans.push(await store.leaseOrphan("replica-2", LONG_LEASE_MS));
  expect(orphans.map((task) => task?.status).sort()).toEqual(["canceled", "processing"]);
  expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
  expect((await store.lease(aLease()))?.slot).toBe("gpu-3#0");
  expect((await store.lease(aLease()))?.priority).toBe(2);
  expect(await store.lease(aLease())).toBeUndefined();
  expect(
    await store.deleteEnded((await store.listExpired(0, 10)).map(({ taskId }) => taskId)),
  ).toBe(3);
});

test("takes films after the upgrade", async () => {
  const { store } = await openBefore();
  await using _store = store;
  await store.create(aTask({ type: "video", workflow: "film" }));
  const film = await store.lease(aLease({ workflows: ["film"] }));
  // Whatever holds a slot comes first.
  if (film?.slot !== "gpu-3#0") throw new Error("The slot was not kept");
  const next = await store.lease(aLease({ workflows: ["film"] }));
  if (next === undefined) throw new Error("Nothing leased");
  await cutLeased(store, fenceOf(next), 2);
  expect((await leaseChunk(store, { workflows: ["film"] })).chunk?.film).toBe(next.taskId);
});

/** Opening a store voids its leases: nobody else can hold one. */
function withoutExpiry(key: string, value: unknown): unknown {
  return key === "expiresAt" ? undefined : value;
}
