import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../../src/lib/logger.js";
import { Pool } from "../../../../src/pool/pool.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";
import type { HeldTask } from "../../../../src/scheduler/lease/held-task.js";
import { TaskLetGo } from "../../../../src/scheduler/lease/task-let-go.js";
import { slotRequest } from "../../../../src/scheduler/run/slot-request.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import type { Workflow } from "../../../../src/workflow/workflow.js";
import { heldSlots } from "../../../support/held-slots.js";
import { holdNext, holdOne } from "../../../support/held-task.js";
import { aDispatch, aRetry, readTask } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";
import { clientOf } from "../../comfy/support.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
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
  expect(first.dispatchAgeMs).toBeLessThan(HOUR_MS);
  await first.settle({ kind: "handed_back" });
  passedMs = 5 * HOUR_MS;
  const next = await holdNext(store);
  expect(next.dispatch).toMatchObject(aDispatch("done"));
  expect(Math.floor(next.dispatchAgeMs / HOUR_MS)).toBe(5);
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

test("a stage that succeeds forgets the takeovers, as the store does", async () => {
  const store = await openStore();
  const first = await holdOne(store);
  await first.settle(aRetry({ reason: "SERVER_FAULT", spends: "takeover" }));
  const next = await holdNext(store);
  expect(next.takeovers).toBe(1);
  await next.stage("download", { status: "success" });
  expect(next.takeovers).toBe((await readTask(store, next.taskId)).takeovers);
});
