import type { Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { type PendingCounts, refuse, refuseTogether, replayOf } from "../core/admit.js";
import { leaseTo } from "../core/lease-to.js";
import { createTask } from "../core/task-changes.js";
import type { TaskIds } from "../core/task-ids.js";
import type { CreateManyResult, CreateResult, NewTask, PendingLimits } from "../task-intake.js";
import type { NewLeases } from "./new-leases.js";
import type { EmbeddedTable } from "./table.js";
import type { EmbeddedTenantTable } from "./tenant-table.js";
import type { EmbeddedWrite } from "./write.js";

/** What new tasks are admitted with. */
export interface Intake {
  readonly tasks: EmbeddedTable;
  readonly tenants: EmbeddedTenantTable;
  readonly ids: TaskIds;
  readonly leases: NewLeases;
}

/** Stores a new task, unless too many wait or its key belongs to a task already. */
export function admit(
  write: EmbeddedWrite,
  request: NewTask,
  limits: PendingLimits,
  intake: Intake,
): CreateResult {
  const former = formerOf(request, intake);
  const refusal = refuse(request, former, pendingCounts(request, limits, intake), limits);
  if (refusal) return refusal;
  const task = newTask(write, request, intake);
  insert(write, request, task, intake);
  return { outcome: "created", task };
}

/** Stores new tasks, all or none. */
export function admitTogether(
  write: EmbeddedWrite,
  requests: readonly NewTask[],
  limits: PendingLimits,
  intake: Intake,
): CreateManyResult {
  const answers = requests.map((request) => {
    const former = formerOf(request, intake);
    return former && request.idempotency && replayOf(former, request.idempotency);
  });
  const pending = pendingCounts(requests[0], limits, intake);
  const refusal = refuseTogether(answers, pending, limits);
  if (refusal) return refusal;
  const made: { readonly request: NewTask; readonly task: Task }[] = [];
  const tasks = requests.map((request, index) => {
    const answer = answers[index];
    if (answer?.outcome === "replayed") return answer.task;
    const task = newTask(write, request, intake);
    made.push({ request, task });
    return task;
  });
  // The first of the highest priority is offered first.
  made.sort((one, other) => other.task.priority - one.task.priority);
  for (const { request, task } of made) insert(write, request, task, intake);
  return { outcome: "created", tasks };
}

/** A task that shares no object with its request. */
function newTask({ now }: EmbeddedWrite, request: NewTask, { ids }: Intake): Task {
  return structuredClone(createTask(request, ids.next(now.getTime()), now));
}

/** Stores a new task, as leased if somebody wants it. */
function insert(
  write: EmbeddedWrite,
  { idempotency }: NewTask,
  task: Task,
  { tenants, leases }: Intake,
): void {
  const requestHash = idempotency?.requestHash;
  const lease = task.dueAt <= write.now ? leases.ask(task) : undefined;
  if (lease === undefined || tenants.isResting(tenantOf(task), lease.maxRunning))
    write.insert(task, requestHash);
  else leases.give(lease, write.insertLeased(task, leaseTo(lease, task, write.now), requestHash));
}

function formerOf(request: NewTask, { tasks }: Intake) {
  const { idempotency } = request;
  return idempotency && tasks.findByKey(idempotency.key, tenantOf(request));
}

/** They are not counted where nothing limits them. */
function pendingCounts(
  request: NewTask | undefined,
  limits: PendingLimits,
  { tenants }: Intake,
): PendingCounts {
  const isLimited = Object.values(limits).some((limit) => limit !== undefined);
  return isLimited ? tenants.pendingCounts(tenantOf(request ?? {})) : { all: 0, tenant: 0 };
}
