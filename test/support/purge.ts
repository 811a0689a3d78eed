import type { TaskRetention } from "../../src/store/task-retention.js";

/** Deletes up to `limit` tasks that ended so long ago. @returns how many. */
export async function purge(
  store: TaskRetention,
  retentionMs: number,
  limit: number,
): Promise<number> {
  const expired = await store.listExpired(retentionMs, limit);
  return await store.deleteEnded(expired.map(({ taskId }) => taskId));
}
