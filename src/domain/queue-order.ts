/** How often younger tasks went before one, and since when; any clock, the same for all that are compared. */
export interface Bypasses {
  readonly bypassCount: number;
  /** When the first did; absent: none did. */
  readonly firstBypassedAtMs?: number | undefined;
}

/** What decides a task's turn. */
export interface QueuedTask extends Bypasses {
  readonly taskId: string;
  /** 0 to 2, the highest first. */
  readonly priority: number;
  readonly dueAt: Date;
}

/** How often a task may be passed, and for less than how long since the first time. With a 0 nobody passes. */
export interface BypassLimits {
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
}

/** What is known where the next task is looked for. */
export interface QueueSight<T> {
  readonly limits: BypassLimits;
  /** By the clock that the tasks' bypasses were noted by. */
  readonly nowMs: number;
  /** How much loading of models a task would cost; those that cost least may pass the others. */
  readonly loadCost: (task: T) => number;
  /**
   * Whether a task may go now; left out: all may. One that may not be passed and may not go keeps
   * all others back: it would wait for ever while they go.
   */
  readonly mayGo?: (task: T) => boolean;
}

/** The task whose turn it is. */
export interface NextTask<T> {
  readonly task: T;
  /** Those whose turn it was before, and that it passes. */
  readonly passed: readonly T[];
  /** It goes only since it may not be passed any more. */
  readonly isOverdue: boolean;
}

type Compare = (a: QueuedTask, b: QueuedTask) => number;

/** The order of all queues; each line decides where those above it leave two tasks equal. */
const ORDER: readonly Compare[] = [
  // Here, before the priority, is the place for a share between tenants.
  (a, b) => b.priority - a.priority,
  (a, b) => a.dueAt.getTime() - b.dueAt.getTime(),
  // Ids are in the order of creation.
  (a, b) => Number(a.taskId > b.taskId) - Number(a.taskId < b.taskId),
];

/** Compares two tasks by whose turn is first. */
export function byTurn(a: QueuedTask, b: QueuedTask): number {
  return ORDER.reduce((order, compare) => order || compare(a, b), 0);
}

/**
 * The task whose turn it is: the first of the queue, unless one of the same priority costs less
 * loading of models and all before it may be passed once more. Store and pool both ask this, so that
 * what was leased first is not run last.
 *
 * @param tasks in any order.
 * @returns undefined if there is none, or if the first may neither go nor be passed.
 */
export function nextTask<T extends QueuedTask>(
  tasks: readonly T[],
  { limits, nowMs, loadCost, mayGo = () => true }: QueueSight<T>,
): NextTask<T> | undefined {
  const queue = [...tasks].sort(byTurn);
  const [first] = queue;
  if (first === undefined) return undefined;
  const peers = queue.filter(({ priority }) => priority === first.priority);
  const [cheapest] = peers.filter(mayGo).sort((a, b) => loadCost(a) - loadCost(b));
  if (cheapest === undefined) return undefined;
  const passed = peers.slice(0, peers.indexOf(cheapest));
  if (passed.every((task) => mayBePassed(task, limits, nowMs)))
    return { task: cheapest, passed, isOverdue: false };
  return mayGo(first) ? { task: first, passed: [], isOverdue: true } : undefined;
}

/** What is noted of a task that another one passes. */
export function notePassed(
  task: Bypasses,
  nowMs: number,
): { readonly bypassCount: number; readonly firstBypassedAtMs: number } {
  const { bypassCount, firstBypassedAtMs = nowMs } = task;
  return { bypassCount: bypassCount + 1, firstBypassedAtMs };
}

function mayBePassed(task: Bypasses, limits: BypassLimits, nowMs: number): boolean {
  const sinceMs = nowMs - (task.firstBypassedAtMs ?? nowMs);
  return task.bypassCount < limits.maxBypassCount && sinceMs < limits.maxBypassMs;
}
