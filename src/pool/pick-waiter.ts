/** What the choice needs to know of a task that waits for a server. */
export interface Waiter {
  readonly workflow: string;
  readonly priority: number;
  readonly dueAt: Date;
  readonly taskId: string;
  bypassCount: number;
  /** When it was first passed over, by the monotonic clock. */
  firstBypassedAtMs: number | undefined;
}

/** How far a loaded workflow may let younger tasks go first. */
export interface BypassLimits {
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
}

/**
 * Chooses which of the waiting tasks a free server gets: the one that comes first by priority, due
 * time and age, unless one of the same priority needs no model to be loaded here (best) or none that
 * another server has loaded already (second best), and the first may still be passed over. Marks
 * those that were passed.
 *
 * @param waiters those that the server can run, in any order.
 * @param loadedHere the workflow whose models the server has loaded.
 * @param loadedElsewhere the same of the other servers.
 */
export function pickWaiter<T extends Waiter>(
  waiters: readonly T[],
  loadedHere: string | undefined,
  loadedElsewhere: ReadonlySet<string>,
  limits: BypassLimits,
  nowMs: number,
): T | undefined {
  const sorted = [...waiters].sort(byTurn);
  const [first] = sorted;
  if (first === undefined) return undefined;
  const rank = (waiter: T): number => {
    if (waiter.workflow === loadedHere) return 0;
    return loadedElsewhere.has(waiter.workflow) ? 2 : 1;
  };
  const peers = sorted.filter((waiter) => waiter.priority === first.priority);
  const best = peers.reduce((a, b) => (rank(b) < rank(a) ? b : a), first);
  if (best === first) return first;
  const passed = peers.slice(0, peers.indexOf(best));
  if (!passed.every((waiter) => mayBePassed(waiter, limits, nowMs))) return first;
  for (const waiter of passed) {
    waiter.bypassCount += 1;
    waiter.firstBypassedAtMs ??= nowMs;
  }
  return best;
}

function mayBePassed(waiter: Waiter, limits: BypassLimits, nowMs: number): boolean {
  const sinceMs = nowMs - (waiter.firstBypassedAtMs ?? nowMs);
  return waiter.bypassCount < limits.maxBypassCount && sinceMs < limits.maxBypassMs;
}

function byTurn(a: Waiter, b: Waiter): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const due = a.dueAt.getTime() - b.dueAt.getTime();
  if (due !== 0) return due;
  return a.taskId < b.taskId ? -1 : 1;
}
