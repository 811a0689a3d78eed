import {
  type BypassLimits,
  type NextTask,
  nextTask,
  type QueuedTask,
} from "../domain/queue-order.js";
import type { ParameterValues } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";
import type { LearnedTimes } from "./learned/learned-times.js";
import type { QueuedPrompt } from "./learned/queued-prompt.js";
import { mayQueue } from "./may-queue.js";
import type { PoolServer } from "./server/pool-server.js";
import { canRun, freeSlot, isTrusted, isUp } from "./server/server-fit.js";

/**
 * How long a server without work of its loaded workflow waits for more, before it loads what others
 * have loaded. While inputs are on their way, a moment's lack is not worth two model loads.
 */
export const IDLE_BEFORE_LOADING_MS = 1_000;

/** A task that waits for a server, with the workflow that it runs there. */
export interface WaitingTask extends QueuedTask {
  readonly request: PromptRequest;
}

/** What a task runs, and which servers will do. */
export interface PromptRequest {
  readonly holder: QueuedPrompt;
  readonly workflow: Workflow;
  /** The values of its parameters. */
  readonly parameters: ParameterValues;
  /** Whether a server that can run the workflow will do for this task. @default any will */
  readonly suits?: (server: PoolServer) => boolean;
}

/**
 * What a server has to load for a task: nothing (0), models that no server has loaded (1), or
 * models that another one has (2).
 */
type LoadCost = 0 | 1 | 2;

/** A server's free slot and the task that should get it. */
export interface Match<T> {
  readonly server: PoolServer;
  readonly slot: string;
  readonly next: NextTask<T>;
  readonly loadCost: LoadCost;
}

/** The best match of all servers with a free slot: the one whose next task costs least to load. */
export function bestMatch<T extends WaitingTask>(
  servers: readonly PoolServer[],
  waiting: Iterable<T>,
  learned: LearnedTimes,
  limits: BypassLimits,
): Match<T> | undefined {
  const nowMs = performance.now();
  const all = [...waiting];
  const matches = servers.flatMap((server): Match<T>[] => {
    const slot = openSlot(server, nowMs);
    if (slot === undefined) return [];
    const runnable = all.filter(({ request }) => suits(server, request));
    const loadedElsewhere = loadedOn(servers.filter((other) => other !== server && isUp(other)));
    const loadCost = ({ request: { workflow } }: T): LoadCost => {
      if (workflow.name === server.loadedWorkflow) return 0;
      return loadedElsewhere.has(workflow.name) ? 2 : 1;
    };
    const mayGo = ({ request }: T): boolean => mayQueue(server, request.holder, learned, nowMs);
    const next = nextTask(forTrial(server, runnable), { limits, nowMs, loadCost, mayGo });
    if (next === undefined) return [];
    const match = { server, slot, next, loadCost: loadCost(next.task) };
    return isLeftToOther(match, nowMs) ? [] : [match];
  });
  const [best] = matches.sort(
    (a, b) =>
      a.loadCost - b.loadCost ||
      a.server.held.size - b.server.held.size ||
      a.next.passed.length - b.next.passed.length,
  );
  return best;
}

function loadedOn(servers: readonly PoolServer[]): ReadonlySet<string> {
  return new Set(servers.flatMap(({ loadedWorkflow }) => loadedWorkflow ?? []));
}

/** Whether a server leaves a task, for a moment, to the servers that have its models loaded. */
function isLeftToOther<T>({ server, next, loadCost }: Match<T>, nowMs: number): boolean {
  if (loadCost < 2 || next.isOverdue || server.loadedWorkflow === undefined) return false;
  return server.held.size > 0 || nowMs - server.idleSinceMs < IDLE_BEFORE_LOADING_MS;
}

/** Whether a server could take a task now. */
export function hasRoomFor(
  server: PoolServer,
  request: PromptRequest,
  learned: LearnedTimes,
): boolean {
  const nowMs = performance.now();
  const isOpen = openSlot(server, nowMs) !== undefined && suits(server, request);
  return isOpen && mayQueue(server, request.holder, learned, nowMs);
}

/** Whether a server can run a task, and may. */
export function suits(server: PoolServer, { workflow, parameters, suits }: PromptRequest): boolean {
  const isAble = isTrusted(server, workflow.name) && canRun(server, workflow, parameters);
  return isAble && suits?.(server) !== false;
}

function openSlot(server: PoolServer, nowMs: number): string | undefined {
  return server.takesWork ? freeSlot(server, nowMs) : undefined;
}

/**
 * The tasks to try a server on trial with: if possible, those that have not failed there yet. They
 * tell whether it fails others too.
 */
function forTrial<T extends WaitingTask>(server: PoolServer, runnable: readonly T[]): readonly T[] {
  if (server.state !== "half_open") return runnable;
  const others = runnable.filter(({ taskId }) => !server.health.hasFailed(taskId));
  return others.length > 0 ? others : runnable;
}
