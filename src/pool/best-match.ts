import type { ParameterValues } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";
import { type BypassLimits, type Choice, pickWaiter, type Waiter } from "./pick-waiter.js";
import type { PoolServer } from "./pool-server.js";
import type { RunTimes } from "./run-times.js";
import { canRun, freeSlot, isUp } from "./server-fit.js";

/**
 * A server without work of the workflow it has loaded waits so long for more before it loads what
 * others have loaded: a moment's lack, while inputs are on their way, is not worth two model loads.
 */
export const IDLE_BEFORE_LOADING_MS = 1_000;

/** A task that waits for a server, with what it runs there. */
export interface Candidate extends Waiter {
  readonly request: { readonly workflow: Workflow; readonly parameters: ParameterValues };
}

/** A server's free slot and the task that should get it. */
export interface Match<T> {
  readonly server: PoolServer;
  readonly slot: string;
  readonly pick: Choice<T>;
}

/** Of all servers with a free slot, the one that gets a task at the least cost. */
export function bestMatch<T extends Candidate>(
  servers: readonly PoolServer[],
  waiting: Iterable<T>,
  runTimes: RunTimes,
  limits: BypassLimits,
): Match<T> | undefined {
  const nowMs = performance.now();
  const all = [...waiting];
  const matches = servers.flatMap((server): Match<T>[] => {
    const slot = openSlot(server, nowMs);
    if (slot === undefined) return [];
    const eligible = all.filter(({ request }) =>
      canRun(server, request.workflow, request.parameters),
    );
    const elsewhere = servers.filter((other) => other !== server && isUp(other));
    const loadedElsewhere = new Set(elsewhere.flatMap((other) => other.loadedWorkflow ?? []));
    const trial = forTrial(server, eligible);
    const mayTake = ({ request }: T): boolean =>
      mayQueue(server, request.workflow, runTimes, nowMs);
    const pick = pickWaiter(trial, server.loadedWorkflow, loadedElsewhere, limits, nowMs, mayTake);
    return pick === undefined || isLeftToOther(pick, server, nowMs) ? [] : [{ server, slot, pick }];
  });
  const [best] = matches.sort(
    (a, b) =>
      a.pick.rank - b.pick.rank ||
      a.server.held.size - b.server.held.size ||
      a.pick.passed.length - b.pick.passed.length,
  );
  return best;
}

/** Whether a server with nothing of its own to do leaves a task for a moment to those that have its models loaded. */
function isLeftToOther<T>(pick: Choice<T>, server: PoolServer, nowMs: number): boolean {
  if (pick.rank < 2 || pick.isOverdue || server.loadedWorkflow === undefined) return false;
  return server.held.size > 0 || nowMs - server.idleSinceMs < IDLE_BEFORE_LOADING_MS;
}

/** Whether a server could take a task of this workflow now. */
export function hasRoomFor(server: PoolServer, workflow: Workflow, runTimes: RunTimes): boolean {
  const nowMs = performance.now();
  const isOpen = openSlot(server, nowMs) !== undefined && canRun(server, workflow);
  return isOpen && mayQueue(server, workflow, runTimes, nowMs);
}

function openSlot(server: PoolServer, nowMs: number): string | undefined {
  return server.takesWork ? freeSlot(server, nowMs) : undefined;
}

/** Whether a server on trial fails others too is better asked with one that has not failed there yet. */
function forTrial<T extends Candidate>(server: PoolServer, eligible: readonly T[]): readonly T[] {
  if (server.state !== "half_open") return eligible;
  const others = eligible.filter(({ taskId }) => !server.hasFailed(taskId));
  return others.length > 0 ? others : eligible;
}

/** Whether a prompt may go to a server that runs one already: where both are known to be short. */
function mayQueue(
  server: PoolServer,
  workflow: Workflow,
  runTimes: RunTimes,
  nowMs: number,
): boolean {
  const isHeldElsewhere = [...server.heldElsewhere.values()].some((untilMs) => untilMs > nowMs);
  if (server.queueDepth === 2 || (server.held.size === 0 && !isHeldElsewhere)) return true;
  if (server.queueDepth === 1 || isHeldElsewhere) return false;
  const holders = [...server.held.values()];
  return [workflow.name, ...holders.map((holder) => holder.workflow)].every((name) =>
    runTimes.isShort(name),
  );
}
