/** What a webhook can tell of a task. */
export const TASK_EVENTS = [
  "task.processing",
  "task.completed",
  "task.failed",
  "task.canceled",
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** The events that end a task: those that a webhook tells unless it names others. */
export const END_EVENTS: readonly TaskEvent[] = TASK_EVENTS.slice(1);

/** Who is told of a task's events. */
export interface Webhook {
  /** http or https, without credentials. Its query string can be a secret. */
  readonly url: string;
  /** At least one. */
  readonly events: readonly TaskEvent[];
  /** The request named none: it is the one that the configuration names for all tasks. */
  readonly isDefault?: true;
}

/** Whom a URL leads to, as `host:port`: the calls to one receiver are limited together. */
export function receiverOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}
