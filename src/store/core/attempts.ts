import { serverIdOf } from "../../domain/slot.js";
import { type Attempt, MAX_ATTEMPTS_KEPT, type Task } from "../../domain/task.js";

/**
 * The attempts of a task and a new open one. The new one has a server already if slot or dispatch
 * bind the task to it.
 */
export function openAttempt(task: Task, now: Date): readonly Attempt[] {
  const server = task.slot === undefined ? task.dispatch?.server : serverIdOf(task.slot);
  const opened: Attempt = {
    attempt: task.attempt,
    startedAt: now,
    ...(server !== undefined && { server }),
  };
  return [...task.attempts, opened].slice(-MAX_ATTEMPTS_KEPT);
}

/** The attempts of a film that somebody goes on with: the open one stays, and there is a new one if none is open. */
export function resumeAttempt(task: Task, now: Date): readonly Attempt[] {
  const last = task.attempts.at(-1);
  return last && !last.endedAt ? task.attempts : openAttempt(task, now);
}

/** The attempts with the open one, if any, ended. */
export function closeAttempt(
  attempts: readonly Attempt[],
  reason: string,
  now: Date,
): readonly Attempt[] {
  return changeOpen(attempts, { endedAt: now, reason });
}

/** The attempts with the open one, if any, on the server of a slot. */
export function placeAttempt(attempts: readonly Attempt[], slot: string): readonly Attempt[] {
  return changeOpen(attempts, { server: serverIdOf(slot) });
}

/** The attempts with the open one, if any, on no server. */
export function unplaceAttempt(attempts: readonly Attempt[]): readonly Attempt[] {
  const last = attempts.at(-1);
  if (!last || last.endedAt) return attempts;
  const { server: _, ...nowhere } = last;
  return [...attempts.slice(0, -1), nowhere];
}

function changeOpen(attempts: readonly Attempt[], patch: Partial<Attempt>): readonly Attempt[] {
  const last = attempts.at(-1);
  if (!last || last.endedAt) return attempts;
  return [...attempts.slice(0, -1), { ...last, ...patch }];
}
