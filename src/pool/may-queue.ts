import type { LearnedTimes } from "./learned/learned-times.js";
import type { QueuedPrompt } from "./learned/queued-prompt.js";
import { anyPrompt } from "./learned/timed-prompt.js";
import type { PoolServer } from "./server/pool-server.js";
import { isHeldElsewhere, isIdle } from "./server/server-fit.js";

/** A run that takes no longer counts as short: a second prompt may wait behind it on its server. */
const SHORT_RUN_MS = 10_000;

/**
 * Whether a prompt may go to a server that has one already: where all of them are known to be short,
 * by what was learned of their kind and the size of their inputs.
 */
export function mayQueue(
  server: PoolServer,
  prompt: QueuedPrompt,
  learned: LearnedTimes,
  nowMs: number,
): boolean {
  const holders = [...server.held.values()];
  if (server.queueDepth === 2 || isIdle(server, nowMs)) return true;
  if (server.queueDepth === 1 || isHeldElsewhere(server, nowMs)) return false;
  return [prompt, ...holders].every((one) => isShort(one, server, learned));
}

/** Not before one such has run. */
function isShort(
  { workflow, timed }: QueuedPrompt,
  server: PoolServer,
  learned: LearnedTimes,
): boolean {
  const known = timed?.framePixels === undefined ? anyPrompt(workflow) : timed;
  const expectedMs = learned.predictMs(known, server.serverClass);
  return expectedMs !== undefined && expectedMs <= SHORT_RUN_MS;
}
