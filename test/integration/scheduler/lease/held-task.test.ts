import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../../src/lib/logger.js";
import { Pool } from "../../../../src/pool/pool.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";
import type { HeldTask } from "../../../../src/scheduler/lease/held-task.js";
import { LeaseKeeper } from "../../../../src/scheduler/lease/lease-keeper.js";
import { TaskLetGo } from "../../../../src/scheduler/lease/task-let-go.js";
import { slotRequest } from "../../../../src/scheduler/run/slot-request.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import type { Workflow } from "../../../../src/workflow/workflow.js";
import { eventually } from "../../../support/eventually.js";
import { heldSlots } from "../../../support/held-slots.js";
import { holdNext, holdOne } from "../../../support/held-task.js";
import {
  aDispatch,
  aLease,
  aRetry,
  createOne,
  LONG_LEASE_MS,
  readTask,
} from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";
import { clientOf } from "../../comfy/support.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const INPUT = { mediaType: "image/png", sizeBytes: 9, width: 4, height: 3 };
const HOUR_MS = 3_600_000;
const WORKFLOW = { name: "small", prompt: {}, parameters: [], models: [] } as unknown as Workflow;

async function openStore(clock = Date.now): Promise<TaskStore> {
  const store = await openEmbeddedStore({ directory: await tempDir(), clock });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

/** One server with one slot. */
function openPool(): { readonly pool: Pool; readonly server: PoolServer } {
  const comfy = clientOf("http://127.0.0.1:1");
  const server = new PoolServer({ id: "gpu-1", comfy, queueDepth: 1 });
  server.noteAnswer(ANSWER, new Date());
  const logger = createLogger("silent");
  const pool = new Pool({ servers: [server], logger, maxBypassCount: 8, maxBypassMs: 30_000 });
  onTestFinished(() => pool[Symbol.dispose]());
  return { pool, server };
}

const acquire = (pool: Pool, heldTask: HeldTask) =>
  pool.acquire(
    slotRequest(heldTask, WORKFLOW, () => true),
    heldTask.signal,
  );

test("a slot is bound and given back through the held task, in the store and in the pool", async () => {
  const store = await openStore();
  const { pool, server } = openPool();
  const heldTask = await holdOne(store, { pool });
  await acquire(pool, heldTask);
  expect(server.held.get("gpu-1#0")).toBe(heldTask);
  expect(heldTask.serverId).toBe("gpu-1");
  expect((await readTask(store, heldTask.taskId)).slot).toBe("gpu-1#0");
  await heldTask.releaseSlot();
  expect(server.held.size).toBe(0);
  expect(heldTask.serverId).toBeUndefined();
  expect(await heldSlots(store)).toEqual([]);
});

test("a slot that the task holds since an earlier lease is nobody else's from the beginning", async () => {
  const store = await openStore();
  const { pool, server } = openPool();
  const first = await holdOne(store, { pool });
  await acquire(pool, first);
  await first.settle({ kind: "handed_back" });
  first[Symbol.dispose]();
  expect(server.held.size).toBe(0);
  const next = await holdNext(store, { pool });
  expect(server.held.get("gpu-1#0")).toBe(next);
  first[Symbol.dispose]();
  expect(server.held.get("gpu-1#0")).toBe(next);
});

test("a cancel that the store tells when a slot is bound lets the task go, like any other", async () => {
  const store = await openStore();
  const { pool, server } = openPool();
  const heldTask = await holdOne(store, { pool });
  await store.cancel(heldTask.taskId);
  const end = acquire(pool, heldTask);
  await expect(end).rejects.toBeInstanceOf(TaskLetGo);
  expect(heldTask.ended).toBe("canceled");
  expect(server.held.size).toBe(0);
});

test.each([
  ["behind", -2 * HOUR_MS],
  ["ahead of", 2 * HOUR_MS],
])("a prompt is as old as the store says, whose clock is %s ours", async (_, offsetMs) => {
  let passedMs = 0;
  const store = await openStore(() => Date.now() + offsetMs + passedMs);
  const first = await holdOne(store);
  await first.recordDispatch(aDispatch("done"));
  expect(first.prompt.ageMs).toBeLessThan(HOUR_MS);
  await first.settle({ kind: "handed_back" });
  passedMs = 5 * HOUR_MS;
  const next = await holdNext(store);
  expect(next.dispatch).toMatchObject(aDispatch("done"));
  expect(Math.floor(next.prompt.ageMs / HOUR_MS)).toBe(5);
});

test("an unfinished upload is known as it was last recorded, here and to the next holder", async () => {
  const store = await openStore();
  const first = await holdOne(store);
  expect(first.uploadCheckpoint).toBeUndefined();
  await first.recordUpload({ uploadId: "1" });
  await first.recordUpload({ uploadId: "2" });
  expect(first.uploadCheckpoint).toEqual({ uploadId: "2" });
  await first.settle({ kind: "handed_back" });
  expect((await holdNext(store)).uploadCheckpoint).toEqual({ uploadId: "2" });
});

test("a prompt that is foreseen is stored with its slot, and not once more before it is sent", async () => {
  let nowMs = Date.now();
  const store = await openStore(() => {
    nowMs += 1;
    return nowMs;
  });
  const heldTask = await holdOne(store);
  const intent = { ...aDispatch("intent"), server: "gpu-1" };
  heldTask.prompt.foresee = (serverId) => (serverId === "gpu-1" ? intent : undefined);
  await heldTask.bindSlot("gpu-1#0");
  // The server has not heard of it yet: nobody has to look for it there.
  expect([heldTask.intent, heldTask.dispatch]).toEqual([intent, undefined]);
  const bound = await readTask(store, heldTask.taskId);
  expect(bound).toMatchObject({ slot: "gpu-1#0", dispatch: intent });
  await heldTask.recordDispatch(intent);
  expect(await readTask(store, heldTask.taskId)).toEqual(bound);
  expect([heldTask.intent, heldTask.dispatch]).toEqual([undefined, intent]);
  await heldTask.recordDispatch({ ...intent, promptId: "another" });
  expect((await readTask(store, heldTask.taskId)).dispatch?.promptId).toBe("another");
});

test("a prompt that was stored with a slot is not that of the next slot", async () => {
  const store = await openStore();
  const heldTask = await holdOne(store);
  const intent = { ...aDispatch("intent"), server: "gpu-1" };
  heldTask.prompt.foresee = (serverId) => (serverId === "gpu-1" ? intent : undefined);
  await heldTask.bindSlot("gpu-1#0");
  await heldTask.bindSlot("gpu-2#0");
  expect(heldTask.intent).toBeUndefined();
});

test("what was noted goes along with the next write, and is kept where that is refused", async () => {
  const store = await openStore();
  const other = await holdOne(store);
  await other.bindSlot("gpu-1#0");
  const heldTask = await holdOne(store);
  heldTask.noteInput(INPUT);
  heldTask.addNotes(["Page 1 of 2 was used"]);
  expect(await heldTask.bindSlot("gpu-1#0")).toBe("busy");
  expect(await readTask(store, heldTask.taskId)).not.toHaveProperty("input");
  await heldTask.bindSlot("gpu-2#0");
  expect(await readTask(store, heldTask.taskId)).toMatchObject({
    ...{ slot: "gpu-2#0", input: INPUT, notes: ["Page 1 of 2 was used"] },
  });
});

test("what was noted is written before a write that cannot take it along", async () => {
  const store = await openStore();
  const heldTask = await holdOne(store);
  heldTask.noteStage("download", { status: "success", detail: "Download complete" });
  await heldTask.recordUpload({ uploadId: "1" });
  const { stages } = await readTask(store, heldTask.taskId);
  expect(stages.download).toMatchObject({ status: "success", detail: "Download complete" });
});

test("what was noted just now waits for a write that somebody waits for", async () => {
  const store = await openStore();
  const heldTask = await holdOne(store);
  heldTask.noteInput(INPUT);
  await heldTask.flushOld();
  expect(await readTask(store, heldTask.taskId)).not.toHaveProperty("input");
  await heldTask.flushOld();
  expect(await readTask(store, heldTask.taskId)).toMatchObject({ input: INPUT });
});

test("what was noted is written a moment later where no write follows", async () => {
  const store = await openStore();
  const { pool } = openPool();
  const logger = createLogger("silent");
  const { taskId } = await createOne(store);
  const leased = await store.lease(aLease());
  using keeper = new LeaseKeeper({
    ...{ store, pool, logger, owner: "replica-1", leaseMs: LONG_LEASE_MS, progressMs: 10 },
  });
  if (leased === undefined) throw new Error("Nothing to lease");
  using heldTask = keeper.hold(leased);
  heldTask.noteInput(INPUT);
  await eventually(async () => (await readTask(store, taskId)).input !== undefined);
});

test("a prompt's end frees its slot in the same write", async () => {
  const store = await openStore();
  const { pool, server } = openPool();
  const heldTask = await holdOne(store, { pool });
  await acquire(pool, heldTask);
  await heldTask.recordDispatch({ ...aDispatch("done"), server: "gpu-1" });
  expect(server.held.size).toBe(0);
  expect(await heldSlots(store)).toEqual([]);
});

test("a stage that succeeds forgets the takeovers, as the store does", async () => {
  const store = await openStore();
  const first = await holdOne(store);
  await first.settle(aRetry({ reason: "SERVER_FAULT", spends: "takeover" }));
  const next = await holdNext(store);
  expect(next.takeovers).toBe(1);
  await next.stage("download", { status: "success" });
  expect(next.takeovers).toBe((await readTask(store, next.taskId)).takeovers);
});
