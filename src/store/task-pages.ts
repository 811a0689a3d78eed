import { setImmediate } from "node:timers/promises";
import type { ListRequest, TaskPage, TaskReading } from "./task-reading.js";

/** As many tasks as are read in a few milliseconds. */
const READ_COUNT = 50;

/**
 * The tasks that a request asks for, read a few at a time, so that others get their turn however many
 * there are. The token of the last page leads to what comes after them.
 *
 * @param request its `pageSize` is how many in all.
 */
export async function* taskPages(
  store: Pick<TaskReading, "list">,
  { pageSize, pageToken, ...rest }: ListRequest,
): AsyncGenerator<TaskPage, void> {
  let nextToken = pageToken;
  for (let leftCount = pageSize; leftCount > 0; ) {
    const page = await store.list({
      ...rest,
      pageSize: Math.min(leftCount, READ_COUNT),
      ...(nextToken !== undefined && { pageToken: nextToken }),
    });
    yield page;
    leftCount -= page.tasks.length;
    nextToken = page.nextPageToken;
    if (nextToken === undefined) return;
    await setImmediate();
  }
}
