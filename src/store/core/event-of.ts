import type { Task, TaskStatus } from "../../domain/task.js";
import type { TaskEvent } from "../../domain/webhook.js";

/**
 * The event that a change tells a task's webhook; undefined: none. A task begins once: with its first
 * lease, whatever becomes of that. Nobody is told of chunks.
 */
export function eventOf(before: Task, next: Task): TaskEvent | undefined {
  const { webhook, chunk, status } = next;
  if (webhook === undefined || chunk !== undefined || status === before.status) return undefined;
  if (status === "processing" && before.epoch > 0) return undefined;
  const event = EVENT_OF[status];
  return event !== undefined && webhook.events.includes(event) ? event : undefined;
}

const EVENT_OF: { readonly [status in TaskStatus]?: TaskEvent } = {
  processing: "task.processing",
  completed: "task.completed",
  failed: "task.failed",
  canceled: "task.canceled",
};
