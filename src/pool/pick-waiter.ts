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

/** The waiting task a server would get, and what that costs. */
export interface Choice<T> {
  readonly waiter: T;
  /** 0: its models are loaded there; 1: no server has them loaded; 2: only another one has. */
  readonly rank: 0 | 1 | 2;
  /** The older tasks that it would pass over. */
  readonly passed: readonly T[];
  /** It goes only because it was passed over as often as allowed. */
  readonly isOverdue: boolean;
}

/**
 * Chooses which of the waiting tasks a free server would get: the one that comes first by priority,
 * due time and age, unless one of the same priority needs no model to be loaded here (best) or none
 * that another server has loaded already (second best), and all before it may still be passed over.
 *
 * @param waiters those that the server can run, in any order.
 * @param mayTake those of them that it may be given now. One that may not be passed and may not be
 *   given keeps the server free: it would wait for ever while others keep it busy.
 * @param loadedHere the workflow whose models the server has loaded.
 * @param loadedElsewhere the same of the other servers.
 */
export function pickWaiter<T extends Waiter>(
  waiters: readonly T[],
  loadedHere: string | undefined,
  loadedElsewhere: ReadonlySet<string>,
  limits: BypassLimits,
  nowMs: number,
  mayTake: (waiter: T) => boolean = () => true,
): Choice<T> | undefined {
  const sorted = [...waiters].sort(byTurn);
  const [first] = sorted;
  if (first === undefined) return undefined;
  const rank = (waiter: T): 0 | 1 | 2 => {
    if (waiter.workflow === loadedHere) return 0;
    return loadedElsewhere.has(waiter.workflow) ? 2 : 1;
  };
  const peers = sorted.filter((waiter) => waiter.priority === first.priority);
  const best = peers
    .filter(mayTake)
    .reduce<T | undefined>((a, b) => (a === undefined || rank(b) < rank(a) ? b : a), undefined);
  if (best === undefined) return undefined;
  const passed = peers.slice(0, peers.indexOf(best));
  const allowed = passed.every((waiter) => mayBePassed(waiter, limits, nowMs));
  if (allowed) return { waiter: best, rank: rank(best), passed, isOverdue: false };
  if (!mayTake(first)) return undefined;
  return { waiter: first, rank: rank(first), passed: [], isOverdue: true };
}

/** Remembers that a task was passed over. */
export function markPassed(waiter: Waiter, nowMs: number): void {
  waiter.bypassCount += 1;
  waiter.firstBypassedAtMs ??= nowMs;
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
