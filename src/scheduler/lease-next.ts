import type { Task } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { DOWNLOAD_BEGUN } from "../pipeline/download-stage.js";
import type { LeaseRequest, TaskQueue } from "../store/task-queue.js";
import type { LeasePlan, LeaseStep } from "./plan/lease-plan.js";

/** How tasks are leased. */
export interface LeaseOptions {
  /** Names this process among those that share the store; a new name at every start. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
  /** How many chunks of one film run at a time while others wait. @default any number */
  readonly maxFilmServers?: number;
  /** How many tasks of a tenant may run, by its name. @default any number */
  readonly maxRunning?: ReadonlyMap<string, number>;
}

/** Leases only tasks that hold a slot already, whatever their workflow. */
const WITH_SLOT: LeaseStep = { workflows: [], prefer: [] };

/** Leases the next task by a plan: one that nobody looks after first. @returns undefined where there is none. */
export async function leaseNext(
  { steps, hasPlace }: LeasePlan,
  store: TaskQueue,
  options: LeaseOptions,
): Promise<Task | undefined> {
  const { owner, leaseMs } = options;
  const orphan = await store.leaseOrphan(owner, leaseMs, hasPlace ? "all" : "with_prompt");
  return orphan ?? (await leaseFirst(steps, store, options));
}

/** How a task is leased: it begins with its download. */
export function leaseTerms({
  owner,
  leaseMs,
  maxRunning,
}: LeaseOptions): Pick<LeaseRequest, "owner" | "leaseMs" | "maxRunning" | "begins"> {
  const begins = { name: "download", patch: DOWNLOAD_BEGUN } as const;
  return { owner, leaseMs, begins, ...defined({ maxRunning }) };
}

/** Leases a task of the first step that finds one. */
async function leaseFirst(
  steps: readonly LeaseStep[],
  store: TaskQueue,
  options: LeaseOptions,
): Promise<Task | undefined> {
  const { maxBypassCount, maxBypassMs, maxFilmServers } = options;
  const limits = { maxBypassCount, maxBypassMs, ...defined({ maxFilmServers }) };
  for (const step of steps.length > 0 ? steps : [WITH_SLOT]) {
    const task = await store.lease({ ...step, ...limits, ...leaseTerms(options) });
    if (task !== undefined) return task;
  }
  return undefined;
}
