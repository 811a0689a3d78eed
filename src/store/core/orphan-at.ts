import type { Task } from "../../domain/task.js";

/**
 * When another process may take a task over: at the end of its lease; at once, which is 1970, where it
 * has ended and waits for its cleanup without a lease; when it is due, where it is a film that is to be
 * joined. Undefined: it is no orphan.
 */
export function orphanAtOf(task: Task): Date | undefined {
  const { lease, cleanupPending, status, film, dueAt } = task;
  if (lease) return lease.expiresAt;
  if (cleanupPending) return new Date(0);
  return status === "processing" && film?.phase === "join" ? dueAt : undefined;
}
