import type { TaskReading } from "../../src/store/task-reading.js";

/** Every held slot of a store, with its task. The newest comes first. */
export async function heldSlots(
  store: Pick<TaskReading, "list">,
): Promise<{ readonly slot: string; readonly taskId: string }[]> {
  const held: { slot: string; taskId: string }[] = [];
  for (let pageToken: string | undefined, isLast = false; !isLast; ) {
    const page = await store.list({ pageSize: 500, ...(pageToken && { pageToken }) });
    for (const { slot, taskId } of page.tasks) if (slot) held.push({ slot, taskId });
    pageToken = page.nextPageToken;
    isLast = pageToken === undefined;
  }
  return held;
}
