import { chooseTask, type LeaseChoice } from "./lease-order.js";
import type { MongoTasks, StoredTask } from "./mongo-tasks.js";
import type { LeaseRequest } from "./task-store.js";

/** Which task to lease, and the heads it passes, as read. */
export interface StoredChoice {
  readonly chosen: StoredTask;
  readonly passed: readonly StoredTask[];
}

const MAX_WINDOW = 32;

/**
 * Chooses the task to lease: one that holds a slot, else by {@link chooseTask}.
 *
 * The first try takes the very head of the queue. Each try that failed proves that others are leasing
 * at this moment, so the next takes one at random out of a window twice as wide: all of it is being
 * leased now, and they stop fighting for the same task.
 *
 * @param tryCount from 1.
 */
export async function chooseStored(
  tasks: MongoTasks,
  request: LeaseRequest,
  tryCount: number,
): Promise<StoredChoice | undefined> {
  const limit = windowAt(tryCount);
  const [keepers, due] = await Promise.all([
    tasks.findKeepers(limit),
    tasks.findDue(request.workflows, limit),
  ]);
  const keeper = pickOne(keepers);
  if (keeper) return { chosen: keeper, passed: [] };
  const [first] = due;
  if (!first) return undefined;
  const { workflow, priority } = first.task;
  const isPreferred = request.prefer.length === 0 || request.prefer.includes(workflow);
  if (!isPreferred) return await chooseAmongHeads(tasks, request, priority, limit);
  const alike = due.filter(({ task }) => task.workflow === workflow && task.priority === priority);
  return { chosen: pickOne(alike) ?? first, passed: [] };
}

/** How many candidates to look at, and to choose from, on a try. */
export function windowAt(tryCount: number): number {
  return Math.min(MAX_WINDOW, 2 ** (tryCount - 1));
}

/** One of the candidates, at random. */
export function pickOne<T>(candidates: readonly T[]): T | undefined {
  return candidates[Math.floor(Math.random() * candidates.length)];
}

/** The oldest is of a workflow that is not preferred: one that is may pass it. */
async function chooseAmongHeads(
  tasks: MongoTasks,
  request: LeaseRequest,
  priority: number,
  limit: number,
): Promise<StoredChoice | undefined> {
  const names = [...new Set(request.workflows)];
  const queues = await Promise.all(names.map((name) => tasks.findDue([name], limit, priority)));
  const heads = new Map(queues.flatMap(([head]) => (head ? [[head.task.taskId, head]] : [])));
  const now = heads.values().next().value?.now;
  const choice: LeaseChoice | undefined =
    now &&
    chooseTask(
      Array.from(heads.values(), ({ task }) => task),
      request,
      now,
    );
  if (!choice) return undefined;
  const queue = queues.find(([head]) => head?.task.taskId === choice.task.taskId) ?? [];
  const chosen = pickOne(queue);
  const passed = choice.passed.flatMap(({ taskId }) => heads.get(taskId) ?? []);
  return chosen && { chosen, passed };
}
