import { type NextLease, nextLease } from "../core/lease-order.js";
import type { LeaseRequest } from "../task-queue.js";
import type { EmbeddedChunkTable } from "./chunk-table.js";
import type { EmbeddedTable } from "./table.js";
import type { EmbeddedTenantTable } from "./tenant-table.js";

/** The tables that are asked. */
export interface QueueTables {
  readonly tasks: EmbeddedTable;
  readonly chunks: EmbeddedChunkTable;
  readonly tenants: EmbeddedTenantTable;
}

const PRIORITIES = [2, 1, 0];

/**
 * The task to lease: one that keeps a slot, else by the order of the queue. Films that have as many
 * chunks in hands as they may are passed over while anything else is due; tenants that have as many
 * tasks in hands as they may are left out.
 */
export function nextStoredLease(
  request: LeaseRequest,
  now: Date,
  tables: QueueTables,
): NextLease | undefined {
  const { tasks, chunks, tenants } = tables;
  const keeper = tasks.findSlotKeeper(now.getTime());
  if (keeper) return { task: keeper, passed: [] };
  const { maxFilmServers } = request;
  const busy = maxFilmServers === undefined ? [] : chunks.findBusyFilms(maxFilmServers);
  const inTurn = tenants.inTurn(request.maxRunning);
  const next = nextBut(busy, inTurn, request, now, tables);
  return next || busy.length === 0 ? next : nextBut([], inTurn, request, now, tables);
}

/** The next task of the highest priority that has one; not of the films that are passed over. */
function nextBut(
  passedOver: readonly string[],
  inTurn: readonly string[],
  request: LeaseRequest,
  now: Date,
  { tasks, chunks }: QueueTables,
): NextLease | undefined {
  const nowMs = now.getTime();
  for (const priority of PRIORITIES) {
    const heads = [...new Set(request.workflows)].flatMap((workflow) => [
      tasks.findHead(workflow, priority, nowMs, inTurn),
      chunks.findHead(workflow, priority, nowMs, passedOver),
    ]);
    const found = heads.filter((head) => head !== undefined);
    if (found.length > 0) return nextLease(found, request, now);
  }
  return undefined;
}
