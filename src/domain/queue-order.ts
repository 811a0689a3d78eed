/**
 * How often younger tasks passed a task, and since when. Any clock, but the same for all compared
 * tasks.
 */
export interface Bypasses {
  readonly bypassCount: number;
  /** When it was passed for the first time. Absent: it was not passed. */
  readonly firstBypassedAtMs?: number | undefined;
}

/** The fields that decide a task's turn. */
export interface QueuedTask extends Bypasses {
  readonly taskId: string;
  /** 0 to 2, the highest first. */
  readonly priority: number;
  readonly dueAt: Date;
  /** Its place among those of its priority; absent: `dueAt`. */
  readonly turnAt?: Date | undefined;
}

/**
 * How often a task may be passed, and for how long after the first time. If one of them is 0, no
 * task may be passed.
 */
export interface BypassLimits {
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
}

/** The facts that the choice of the next task depends on. */
export interface QueueSight<T> {
  readonly limits: BypassLimits;
  /** By the clock with which the tasks' bypasses were recorded. */
  readonly nowMs: number;
  /**
   * How much loading of models a task would cost. The task with the lowest cost may pass others.
   */
  readonly loadCost: (task: T) => number;
  /**
   * Whether a task may go now. Left out: all may go. If a task may neither go nor be passed, it
   * stops all others: otherwise they would go first for ever.
   */
  readonly mayGo?: (task: T) => boolean;
}

/** The next task. */
export interface NextTask<T> {
  readonly task: T;
  /** The tasks whose turn was earlier and that this task passes. */
  readonly passed: readonly T[];
  /** The task goes only because it may not be passed again. */
  readonly isOverdue: boolean;
}

type Compare = (a: QueuedTask, b: QueuedTask) => number;

/**
 * The order of all queues. Each line decides only between tasks that are equal by the lines above.
 */
const ORDER: readonly Compare[] = [
  (a, b) => b.priority - a.priority,
  (a, b) => turnMs(a) - turnMs(b),
  // Ids are in the order of creation.
  (a, b) => Number(a.taskId > b.taskId) - Number(a.taskId < b.taskId),
];

/**
 * How long a second of a film holds its place in the queue, in seconds: about what a GPU needs for it.
 * A task that comes meanwhile waits for no more of the film than that.
 */
const TURN_SECONDS_PER_FILM_SECOND = 10;

/**
 * A chunk's place in the queue: later than its film's, the later its first frame is. So the chunks of
 * films that came together alternate, and a small task that comes later goes before most of a long film.
 */
export function chunkTurn(filmDueAt: Date, startSeconds: number): Date {
  return new Date(filmDueAt.getTime() + startSeconds * TURN_SECONDS_PER_FILM_SECOND * 1000);
}

function turnMs({ turnAt, dueAt }: QueuedTask): number {
  return (turnAt ?? dueAt).getTime();
}

/** Compares two tasks: the one whose turn comes first is smaller. */
export function byTurn(a: QueuedTask, b: QueuedTask): number {
  return ORDER.reduce((order, compare) => order || compare(a, b), 0);
}

/**
 * The tenants none of whose waiting tasks may begin now, whatever their turn: those that have as many
 * running tasks as they may. This is what comes before {@link ORDER}, so that one tenant's backlog leaves
 * room for others; shares by weight between tenants that wait belong here too.
 *
 * @param running how many tasks of each tenant run.
 * @param maxRunning how many may; tenants that are not in it always have their turn.
 */
export function restingTenants(
  running: ReadonlyMap<string, number>,
  maxRunning: ReadonlyMap<string, number>,
): ReadonlySet<string> {
  const resting = [...maxRunning].filter(([tenant, max]) => (running.get(tenant) ?? 0) >= max);
  return new Set(resting.map(([tenant]) => tenant));
}

/**
 * Finds the next task: the first of the queue, or a later one of the same priority that passes it.
 * The later task must cost less loading of models, and all tasks before it must be allowed to be
 * passed once more. Store and pool both use this function, so that a task that was leased first is
 * not run last.
 *
 * @param tasks in any order.
 * @returns undefined if no task of the first one's priority may go, or if the first may neither go
 *   nor be passed.
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

/** The bypass fields of a task after another task has passed it. */
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
