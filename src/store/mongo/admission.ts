import { TaskError } from "../../domain/errors.js";
import type { Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { type PendingCounts, refuse, refuseTogether, replayOf } from "../core/admit.js";
import type { TaskIds } from "../core/task-ids.js";
import type { CreateManyResult, CreateResult, NewTask, PendingLimits } from "../task-intake.js";
import type { MongoDatabase } from "./database.js";
import { saveNew } from "./save.js";

/** What a client is answered, and which tasks were stored for it. */
export interface Admission<Answer> {
  readonly answer: Answer;
  readonly saved: readonly Task[];
}

/**
 * Stores a new task, unless the queue is full or its key belongs to a task already.
 *
 * @throws TaskError STORE_WITHOUT_TRANSACTIONS for one with a webhook.
 */
export async function admit(
  database: MongoDatabase,
  request: NewTask,
  limits: PendingLimits,
  ids: TaskIds,
): Promise<Admission<CreateResult>> {
  const { idempotency } = request;
  const tenant = tenantOf(request);
  const former = idempotency && (await database.tasks.findByKey(idempotency.key, tenant));
  const refusal = refuse(request, former, await countPending(database, tenant, limits), limits);
  if (refusal) return { answer: refusal, saved: [] };
  if (request.webhook) refuseStandalone(database, "take a task with a webhook");
  const saved = await saveNew(database, [request], ids);
  return { answer: { outcome: "created", task: firstOf(saved) }, saved };
}

/** Stores new tasks, all or none. @throws TaskError STORE_WITHOUT_TRANSACTIONS */
export async function admitTogether(
  database: MongoDatabase,
  requests: readonly NewTask[],
  limits: PendingLimits,
  ids: TaskIds,
): Promise<Admission<CreateManyResult>> {
  refuseStandalone(database, "store several tasks at once");
  const answers = await Promise.all(requests.map((request) => formerOf(database, request)));
  const pending = await countPending(database, tenantOf(requests[0] ?? {}), limits);
  const refusal = refuseTogether(answers, pending, limits);
  if (refusal) return { answer: refusal, saved: [] };
  const fresh = requests.filter((_request, index) => answers[index] === undefined);
  const saved = await saveNew(database, fresh, ids);
  const rest = saved.values();
  const tasks = answers.flatMap((answer) =>
    answer?.outcome === "replayed" ? answer.task : (rest.next().value ?? []),
  );
  return { answer: { outcome: "created", tasks }, saved };
}

/** The answer of {@link replayOf} to a request whose key belongs to a task already. */
async function formerOf(
  { tasks }: MongoDatabase,
  request: NewTask,
): Promise<CreateResult | undefined> {
  const { idempotency } = request;
  const former = idempotency && (await tasks.findByKey(idempotency.key, tenantOf(request)));
  return former && idempotency && replayOf(former, idempotency);
}

/** @throws TaskError STORE_WITHOUT_TRANSACTIONS */
export function refuseStandalone({ isStandalone }: MongoDatabase, what: string): void {
  if (!isStandalone) return;
  const message = `Cannot ${what}: the database is a standalone server; start it with --replSet`;
  throw new TaskError("STORE_WITHOUT_TRANSACTIONS", message);
}

/** Counts what is limited; what is not, is none. */
async function countPending(
  { counts }: MongoDatabase,
  tenant: string,
  { maxPendingCount, maxTenantPendingCount }: PendingLimits,
): Promise<PendingCounts> {
  const count = async (isLimited: boolean, whose?: string): Promise<number> =>
    isLimited ? (await counts.read(whose)).pending : 0;
  return {
    all: await count(maxPendingCount !== undefined),
    tenant: await count(maxTenantPendingCount !== undefined, tenant),
  };
}

/** The first of what was stored. */
export function firstOf<T>(stored: readonly T[]): T {
  const [first] = stored;
  if (first === undefined) throw new Error("A task was to be stored and is not there");
  return first;
}
