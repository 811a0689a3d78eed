import { randomUUID } from "node:crypto";
import type { Task } from "../../domain/task.js";
import { receiverOf, type TaskEvent } from "../../domain/webhook.js";
import {
  type Delivery,
  type DeliveryFence,
  type DeliveryState,
  type DeliveryTry,
  type DeliveryVerdict,
  type LeasedDelivery,
  MAX_DELIVERIES,
  TELL_FOR_MS,
} from "../webhook-outbox.js";
import { taskToText, textToTask } from "./task-text.js";

/**
 * The events of one task with their order, as JSON: one row of an outbox, so that nothing about their
 * order needs a second one. Times are milliseconds since 1970.
 */
export interface Outbox {
  readonly taskId: string;
  readonly url: string;
  /** Grows with every lease. */
  readonly epoch: number;
  /** When the oldest event that waits is given out, at the end of its lease if it has one. */
  readonly dueAtMs: number;
  readonly isLeased?: true;
  /** The receiver wants nothing more of this task. */
  readonly isClosed?: true;
  /** The task was deleted, and the outbox goes with its last event. */
  readonly isOrphan?: true;
  readonly events: readonly OutboxEvent[];
}

interface OutboxEvent {
  readonly deliveryId: string;
  readonly event: TaskEvent;
  readonly atMs: number;
  readonly state: DeliveryState;
  readonly expiresAtMs: number;
  readonly tryCount: number;
  readonly tries: readonly StoredTry[];
  /** As {@link taskToText} writes it. */
  readonly task: string;
}

type StoredTry = Omit<DeliveryTry, "at"> & { readonly atMs: number };

/** An outbox with one more event; a new one for a task without. */
export function addEvent(
  outbox: Outbox | undefined,
  event: TaskEvent,
  { url, task, now }: { readonly url: string; readonly task: Task; readonly now: Date },
): Outbox {
  const atMs = now.getTime();
  const before = outbox ?? { taskId: task.taskId, url, epoch: 0, dueAtMs: atMs, events: [] };
  const added: OutboxEvent = {
    deliveryId: `evt_${randomUUID().replaceAll("-", "")}`,
    ...{ event, atMs, expiresAtMs: atMs + TELL_FOR_MS, tryCount: 0, tries: [] },
    state: before.isClosed ? "failed" : "waiting",
    task: taskToText(task),
  };
  const dueAtMs = headOf(before) ? before.dueAtMs : atMs;
  return { ...before, dueAtMs, events: [...before.events, added] };
}

/** Whom the events that wait are for, as `host:port`; undefined: none waits. */
export function waitsFor(outbox: Outbox): string | undefined {
  return headOf(outbox) && receiverOf(outbox.url);
}

/** Whether nothing is left to tell of a task that was deleted. */
export function isOver(outbox: Outbox): boolean {
  return outbox.isOrphan === true && headOf(outbox) === undefined;
}

/** When the first of the events that wait is given up; undefined: none waits. */
export function expiresAtMs({ events }: Outbox): number | undefined {
  const waiting = events.filter(isWaiting).map((event) => event.expiresAtMs);
  return waiting.length === 0 ? undefined : Math.min(...waiting);
}

/** An outbox whose oldest event is given out. */
export function leaseOutbox(outbox: Outbox, leaseMs: number, now: Date): Outbox {
  const dueAtMs = now.getTime() + leaseMs;
  return { ...outbox, epoch: outbox.epoch + 1, dueAtMs, isLeased: true };
}

/** What the holder of a lease gets; undefined: nothing waits. */
export function leasedDelivery(outbox: Outbox): LeasedDelivery | undefined {
  const head = headOf(outbox);
  if (head === undefined) return undefined;
  const { taskId, url, epoch } = outbox;
  const { deliveryId, event, atMs, tryCount } = head;
  return {
    ...{ taskId, deliveryId, epoch, url, receiver: receiverOf(url), event, tryCount },
    at: new Date(atMs),
    task: textToTask(head.task),
  };
}

/** An outbox after a try; undefined if the lease is another's by now. */
export function settleOutbox(
  outbox: Outbox,
  { deliveryId, epoch }: DeliveryFence,
  verdict: DeliveryVerdict,
  tried: Omit<DeliveryTry, "at" | "tryCount">,
  now: Date,
): Outbox | undefined {
  const nowMs = now.getTime();
  const told = outbox.events.find((event) => event.deliveryId === deliveryId);
  if (outbox.epoch !== epoch || !outbox.isLeased || told === undefined) return undefined;
  const tryCount = told.tryCount + 1;
  const noted: StoredTry = { ...tried, atMs: Math.round(nowMs - tried.durationMs), tryCount };
  const tries = [...told.tries, noted].slice(-MAX_DELIVERIES);
  const state = verdict.kind === "delivered" ? verdict.kind : told.state;
  const next = { ...told, tryCount, tries, state };
  const settled = unleased({
    ...outbox,
    dueAtMs: nowMs + (verdict.kind === "again" ? verdict.delayMs : 0),
    events: outbox.events.map((event) => (event === told ? next : event)),
  });
  return verdict.kind === "gone" ? failAll({ ...settled, isClosed: true }, Infinity) : settled;
}

/** An outbox without the events that were tried for long enough. */
export function giveUpEvents(outbox: Outbox, now: Date): Outbox {
  const next = failAll(outbox, now.getTime());
  return { ...next, dueAtMs: outbox.isLeased ? outbox.dueAtMs : now.getTime() };
}

/** An outbox one of whose events is told again at once; undefined if there is no such event. */
export function redeliverEvent(outbox: Outbox, deliveryId: string, now: Date): Outbox | undefined {
  const nowMs = now.getTime();
  if (!outbox.events.some((event) => event.deliveryId === deliveryId)) return undefined;
  const events = outbox.events.map((event) =>
    event.deliveryId === deliveryId
      ? { ...event, state: "waiting" as const, expiresAtMs: nowMs + TELL_FOR_MS }
      : event,
  );
  const { isClosed, ...open } = outbox;
  return { ...open, events, dueAtMs: outbox.isLeased ? outbox.dueAtMs : nowMs };
}

/** The deliveries of a task, the newest first. */
export function deliveriesOf({ events }: Outbox): readonly Delivery[] {
  return [...events]
    .reverse()
    .slice(0, MAX_DELIVERIES)
    .map(({ deliveryId, event, atMs, state, tries }) => ({
      ...{ deliveryId, event, at: new Date(atMs), state },
      tries: tries.map(({ atMs: triedAtMs, ...rest }) => ({ ...rest, at: new Date(triedAtMs) })),
    }));
}

/** The oldest event that waits. */
function headOf({ events }: Pick<Outbox, "events">): OutboxEvent | undefined {
  return events.find(isWaiting);
}

function isWaiting({ state }: OutboxEvent): boolean {
  return state === "waiting";
}

/** Events that wait and expire before a time fail. */
function failAll(outbox: Outbox, beforeMs: number): Outbox {
  const events = outbox.events.map((event) =>
    isWaiting(event) && event.expiresAtMs <= beforeMs
      ? { ...event, state: "failed" as const }
      : event,
  );
  return { ...outbox, events };
}

function unleased({ isLeased, ...outbox }: Outbox): Outbox {
  return outbox;
}
