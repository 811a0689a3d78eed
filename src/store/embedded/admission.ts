import type { Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { type PendingCounts, refuse, refuseTogether, replayOf } from "../core/admit.js";
import { createTask } from "../core/task-changes.js";
import type { TaskIds } from "../core/task-ids.js";
import type { CreateManyResult, CreateResult, NewTask, PendingLimits } from "../task-intake.js";
import type { EmbeddedTable } from "./table.js";
import type { EmbeddedTenantTable } from "./tenant-table.js";
import type { EmbeddedWrite } from "./write.js";

/** What new tasks are admitted with. */
export interface IntakeTables {
  readonly tasks: EmbeddedTable;
  readonly tenants: EmbeddedTenantTable;
  readonly ids: TaskIds;
}

/** Stores a new task, unless too many wait or its key belongs to a task already. */
export function admit(
  write: EmbeddedWrite,
  request: NewTask,
  limits: PendingLimits,
  tables: IntakeTables,
): CreateResult {
  const former = formerOf(request, tables);
  const refusal = refuse(request, former, pendingCounts(request, limits, tables), limits);
  if (refusal) return refusal;
  return { outcome: "created", task: insert(write, request, tables) };
}

/** Stores new tasks, all or none. */
export function admitTogether(
  write: EmbeddedWrite,
  requests: readonly NewTask[],
  limits: PendingLimits,
  tables: IntakeTables,
): CreateManyResult {
  const answers = requests.map((request) => {
    const former = formerOf(request, tables);
    return former && request.idempotency && replayOf(former, request.idempotency);
  });
  const pending = pendingCounts(requests[0], limits, tables);
  const refusal = refuseTogether(answers, pending, limits);
  if (refusal) return refusal;
  const tasks = requests.map((request, index) => {
    const answer = answers[index];
    if (answer?.outcome === "replayed") return answer.task;
    return insert(write, request, tables);
  });
  return { outcome: "created", tasks };
}

/** @returns it as an answer, which shares no object with the request. */
function insert(write: EmbeddedWrite, request: NewTask, { ids }: IntakeTables): Task {
  const task = createTask(request, ids.next(write.now.getTime()), write.now);
  write.insert(task, request.idempotency?.requestHash);
  return structuredClone(task);
}

function formerOf(request: NewTask, { tasks }: IntakeTables) {
  const { idempotency } = request;
  return idempotency && tasks.findByKey(idempotency.key, tenantOf(request));
}

/** They are not counted where nothing limits them. */
function pendingCounts(
  request: NewTask | undefined,
  limits: PendingLimits,
  { tenants }: IntakeTables,
): PendingCounts {
  const isLimited = Object.values(limits).some((limit) => limit !== undefined);
  return isLimited ? tenants.pendingCounts(tenantOf(request ?? {})) : { all: 0, tenant: 0 };
}
