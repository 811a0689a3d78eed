import { bestMatch, suits } from "./best-match.js";
import type { Pool, SlotRequest } from "./pool.js";
import type { PoolServer } from "./server/pool-server.js";
import { isUp } from "./server/server-fit.js";

const ALONE = { maxBypassCount: 0, maxBypassMs: 0 };

/**
 * The server that a task will probably run on: the one that would be best now, or the only one that can
 * run it. Nothing is promised to either.
 */
export function likelyServer(
  { servers, learned }: Pick<Pool, "servers" | "learned">,
  request: SlotRequest,
): PoolServer | undefined {
  const { priority, dueAt, turnAt, bypassCount, holder } = request;
  const queued = { priority, dueAt, turnAt, bypassCount, firstBypassedAtMs: undefined };
  const task = { ...queued, request, taskId: holder.taskId };
  const match = bestMatch(servers, [task], learned, ALONE);
  if (match !== undefined) return match.server;
  const [only, ...others] = servers.filter((server) => isUp(server) && suits(server, request));
  return others.length === 0 ? only : undefined;
}
