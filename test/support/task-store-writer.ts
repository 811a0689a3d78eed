import { writeSync } from "node:fs";
import { openEmbeddedStore } from "../../src/store/embedded/open-embedded-store.js";
import type { TaskIntake } from "../../src/store/task-intake.js";
import type { Fence, TaskQueue } from "../../src/store/task-queue.js";
import {
  aDispatch,
  aLease,
  aTask,
  COMPLETED,
  fenceOf,
  LONG_LEASE_MS,
} from "./task-store-builders.js";

/**
 * A process that writes to the embedded store in a directory until it is killed. It prints each
 * acknowledged write as a line on standard output before the next write begins.
 */
async function main([directory = ""]: readonly string[]): Promise<void> {
  const store = await openEmbeddedStore({ directory });
  acknowledge("opened");
  await Promise.all(Array.from({ length: 4 }, (_, index) => write(store, `gpu-1#${index}`)));
}

async function write(store: TaskIntake & TaskQueue, slot: string): Promise<void> {
  for (let round = 0; ; round++) {
    // The task that a killed predecessor held comes first, with its slot.
    const orphan = await store.leaseOrphan("writer", LONG_LEASE_MS);
    if (!orphan) await create(store);
    const task = orphan ?? (await store.lease(aLease({ owner: "writer" })));
    if (!task) continue;
    acknowledge("leased", task.taskId, task.epoch);
    if (task.status === "canceled") await cleanUp(store, fenceOf(task));
    else await run(store, fenceOf(task), slot, round);
  }
}

async function create(store: TaskIntake): Promise<void> {
  const result = await store.create(aTask());
  if ("task" in result) acknowledge("created", result.task.taskId);
}

async function run(
  store: TaskIntake & TaskQueue,
  fence: Fence,
  slot: string,
  round: number,
): Promise<void> {
  if ((await store.bindSlot(fence, slot)) === "ok") acknowledge("bound", fence.taskId, slot);
  await store.recordDispatch(fence, aDispatch("sent"));
  for (const progress of [20, 60, 90]) {
    await store.heartbeat("writer", LONG_LEASE_MS, [
      { ...fence, progress, stage: { name: "process", progress } },
    ]);
    acknowledge("progressed", fence.taskId, progress);
  }
  if (round % 5 === 4) {
    if ((await store.cancel(fence.taskId)) === "canceled") acknowledge("canceled", fence.taskId);
    await cleanUp(store, fence);
  } else if ((await store.settle(fence, COMPLETED)) === "ok") {
    acknowledge("completed", fence.taskId);
  }
}

async function cleanUp(store: TaskQueue, fence: Fence): Promise<void> {
  if ((await store.finishCleanup(fence)) === "ok") acknowledge("cleaned", fence.taskId);
}

function acknowledge(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(" ")}\n`);
}

await main(process.argv.slice(2));
