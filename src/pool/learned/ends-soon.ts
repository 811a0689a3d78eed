import type { LearnedTimes } from "./learned-times.js";
import type { TimedServer } from "./timed-server.js";

/** How long it takes to take a prompt back and to begin it on another server. */
const MOVE_MS = 2_000;

/**
 * Whether the prompt that runs on a server is expected to end before one that waits behind it could
 * begin elsewhere. Of a prompt of somebody else's nothing is known, nor of one that should have
 * ended by now.
 */
export function endsSoon(
  server: TimedServer,
  promptId: string,
  learned: LearnedTimes,
  nowMs: number,
): boolean {
  const running = server.prompts.current(promptId);
  if (running?.runningSinceMs === undefined) return false;
  const expectedMs = learned.predictMs(running.prompt, server.serverClass);
  if (expectedMs === undefined) return false;
  return Math.abs(running.runningSinceMs + expectedMs - nowMs) < MOVE_MS;
}
