import { slotName } from "../../domain/slot.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { PoolServer } from "./pool-server.js";

/** Whether a server is reached and trusted with work. */
export function isUp(server: PoolServer): boolean {
  return server.state === "ready" || server.state === "half_open";
}

/**
 * What a server lacks for a workflow, a sentence each; empty while the server is not known.
 * Parameters count with the given values.
 */
export function missingOn(
  server: PoolServer,
  workflow: Workflow,
  values?: ParameterValues,
): readonly string[] {
  return server.lacks?.of(workflow, values) ?? [];
}

/** Whether a server is known to have all that a workflow needs. */
export function canRun(server: PoolServer, workflow: Workflow, values?: ParameterValues): boolean {
  return server.isKnown && missingOn(server, workflow, values).length === 0;
}

/** Whether a server may have what a task of a workflow needs: with the defaults, or another option of one parameter. */
export function canRunSome(server: PoolServer, workflow: Workflow): boolean {
  return server.lacks?.isSuited(workflow) === true;
}

/** Whether a server may be given tasks of a workflow now, as far as its own faults go. */
export function isTrusted(server: PoolServer, workflow: string): boolean {
  return server.workflowFaults.quarantine(workflow, new Date()) === undefined;
}

/** Whether a server has no prompt of ours, as far as this process knows. */
export function isIdle(server: PoolServer, nowMs: number): boolean {
  return server.held.size === 0 && !isHeldElsewhere(server, nowMs);
}

/** Whether another process was seen to hold a slot of a server a moment ago. */
export function isHeldElsewhere({ heldElsewhere }: PoolServer, nowMs: number): boolean {
  return [...heldElsewhere.values()].some((untilMs) => untilMs > nowMs);
}

/** The name of a slot that nobody holds, as far as this process knows. */
export function freeSlot(server: PoolServer, nowMs: number): string | undefined {
  return freeSlots(server, nowMs)[0];
}

/**
 * How many tasks could take a slot now. With depth `auto` it is one at a time: whether a second
 * prompt may queue depends on the tasks.
 */
export function freeSlotCount(server: PoolServer, nowMs: number): number {
  if (!server.takesWork) return 0;
  const { length } = freeSlots(server, nowMs);
  return server.queueDepth === "auto" ? Math.min(1, length) : length;
}

function freeSlots(server: PoolServer, nowMs: number): readonly string[] {
  const depth = server.state === "half_open" || server.queueDepth === 1 ? 1 : 2;
  return Array.from({ length: depth }, (_, index) => slotName(server.id, index)).filter(
    (slot) => !server.held.has(slot) && (server.heldElsewhere.get(slot) ?? 0) <= nowMs,
  );
}
