import { HeldTask, type HeldTaskContext } from "../../src/scheduler/lease/held-task.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { aLease, createOne, LONG_LEASE_MS } from "./task-store-builders.js";

/** Creates a task in a store and holds it. The store must have no other task. */
export async function holdOne(
  store: TaskStore,
  context: Partial<HeldTaskContext> = {},
): Promise<HeldTask> {
  await createOne(store);
  return await holdNext(store, context);
}

/** Holds the task that is due first, with a lease that does not expire during the test. */
export async function holdNext(
  store: TaskStore,
  context: Partial<HeldTaskContext> = {},
): Promise<HeldTask> {
  const pool = { adopt: () => undefined, release: () => undefined };
  const proof = { prove: async () => undefined };
  const leased = await store.lease(aLease());
  if (leased === undefined) throw new Error("Nothing to lease");
  return new HeldTask(leased, { store, pool, proof, leaseMs: LONG_LEASE_MS, ...context });
}
