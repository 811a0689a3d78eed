import { type NextLease, nextLease } from "../core/lease-order.js";
import type { LeaseRequest } from "../task-queue.js";
import type { EmbeddedChunkTable } from "./chunk-table.js";
import type { EmbeddedTable } from "./table.js";

/** Whether a task or chunk is due at all. Mostly none is, which is seen without a transaction. */
export function isAnyDue(nowMs: number, table: EmbeddedTable, chunks: EmbeddedChunkTable): boolean {
  return table.hasDue(nowMs) || chunks.hasDue(nowMs);
}

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
  // Mostly there are no chunks, and half of the questions need not be asked.
  const hasTasks = table.hasDue(nowMs);
  const hasChunks = chunks.hasDue(nowMs);
  for (const priority of PRIORITIES) {
    const heads = [...new Set(request.workflows)].flatMap((workflow) => [
      hasTasks ? table.findHead(workflow, priority, nowMs) : undefined,
      hasChunks ? chunks.findHead(workflow, priority, nowMs, passedOver) : undefined,
    ]);
    const found = heads.filter((head) => head !== undefined);
    if (found.length > 0) return nextLease(found, request, now);
  }
  return undefined;
}
