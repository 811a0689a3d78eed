import { type NextLease, nextLease } from "../core/lease-order.js";
import type { LeaseRequest } from "../task-queue.js";
import type { EmbeddedChunkTable } from "./chunk-table.js";
import type { EmbeddedTable } from "./table.js";

const PRIORITIES = [2, 1, 0];

/**
 * The task to lease: one that keeps a slot, else by the order of the queue. Films that have as many
 * chunks in hands as they may are passed over while anything else is due.
 */
export function nextStoredLease(
  request: LeaseRequest,
  now: Date,
  table: EmbeddedTable,
  chunks: EmbeddedChunkTable,
): NextLease | undefined {
  const keeper = table.findSlotKeeper(now.getTime());
  if (keeper) return { task: keeper, passed: [] };
  const { maxFilmServers } = request;
  const busy = maxFilmServers === undefined ? [] : chunks.findBusyFilms(maxFilmServers);
  const next = nextBut(busy, request, now, table, chunks);
  return next || busy.length === 0 ? next : nextBut([], request, now, table, chunks);
}

/** The next task of the highest priority that has one; not of the films that are passed over. */
function nextBut(
  passedOver: readonly string[],
  request: LeaseRequest,
  now: Date,
  table: EmbeddedTable,
  chunks: EmbeddedChunkTable,
): NextLease | undefined {
  const nowMs = now.getTime();
  for (const priority of PRIORITIES) {
    const heads = [...new Set(request.workflows)].flatMap((workflow) => [
      table.findHead(workflow, priority, nowMs),
      chunks.findHead(workflow, priority, nowMs, passedOver),
    ]);
    const found = heads.filter((head) => head !== undefined);
    if (found.length > 0) return nextLease(found, request, now);
  }
  return undefined;
}
