import type { Task } from "../domain/task.js";
import type { TaskEvent } from "../domain/webhook.js";

/** An event is no longer told when it was not delivered for so long. */
export const TELL_FOR_MS = 24 * 3_600_000;
/** How many deliveries of a task are shown, and how many tries of each are kept; the newest of both. */
export const MAX_DELIVERIES = 20;

/**
 * `waiting`: it was not delivered yet; `delivered`: the receiver took it; `failed`: it is no longer tried.
 */
export type DeliveryState = "waiting" | "delivered" | "failed";

/** What one call of a receiver came to. */
export interface DeliveryTry {
  /** When it began, by the store's clock. */
  readonly at: Date;
  /** Its number, from 1. */
  readonly tryCount: number;
  /** The HTTP status; absent: there was no answer. */
  readonly status?: number;
  readonly durationMs: number;
  /** Why it did not succeed, in a few words. */
  readonly error?: string;
}

/** An event of a task and what became of it. */
export interface Delivery {
  /** The same for all tries: the receiver knows by it what it has seen. */
  readonly deliveryId: string;
  readonly event: TaskEvent;
  /** When it happened, by the store's clock. */
  readonly at: Date;
  readonly state: DeliveryState;
  /** The oldest first, at most {@link MAX_DELIVERIES}. */
  readonly tries: readonly DeliveryTry[];
}

/** Proves who tells an event: a lease that has run out is given to another process, with a higher epoch. */
export interface DeliveryFence {
  readonly taskId: string;
  readonly deliveryId: string;
  readonly epoch: number;
}

/** An event to be told now. */
export interface LeasedDelivery extends DeliveryFence {
  readonly url: string;
  /** As `host:port`. */
  readonly receiver: string;
  readonly event: TaskEvent;
  readonly at: Date;
  /** How often it was told before. */
  readonly tryCount: number;
  /** The task as it was then. */
  readonly task: Task;
}

/** Which events a process asks for. */
export interface DeliveryRequest {
  readonly leaseMs: number;
  /** How many at most. */
  readonly limit: number;
  /** How many of one receiver at most. */
  readonly perReceiver: number;
  /** Receivers that have as many open calls as they may, or had better be left alone. */
  readonly except: readonly string[];
}

/** What to do after a try. */
export type DeliveryVerdict =
  | { readonly kind: "delivered" }
  | { readonly kind: "again"; readonly delayMs: number }
  /** The receiver wants nothing more of this task: all that waits fails. */
  | { readonly kind: "gone" };

/** What has not been told yet. */
export interface WaitingDeliveries {
  readonly taskCount: number;
}

/**
 * The part of a store that keeps events until their webhook was told. An event is stored in the same
 * atomic step as the change it tells of. The events of a task are told in their order and never two
 * at once: only the oldest that waits is given out. They go with their task when that is deleted, but
 * not before they were told or given up.
 */
export interface WebhookOutbox {
  /** Gives out events that are due, of those of each receiver the one that is due longest first. */
  lease(request: DeliveryRequest): Promise<readonly LeasedDelivery[]>;

  /**
   * Ends a lease.
   *
   * @returns false if another process has it by now, or the event is not stored; nothing is then changed.
   */
  settle(
    fence: DeliveryFence,
    verdict: DeliveryVerdict,
    tried: Omit<DeliveryTry, "at" | "tryCount">,
  ): Promise<boolean>;

  /**
   * Gives up what was not delivered within {@link TELL_FOR_MS}.
   *
   * @param limit how many tasks at most.
   * @returns how many tasks.
   */
  giveUp(limit: number): Promise<number>;

  /** The deliveries of a task, the newest first, at most {@link MAX_DELIVERIES}. */
  deliveries(taskId: string): Promise<readonly Delivery[]>;

  /** Tells an event again, at once, whatever became of it. @returns false if it is not stored. */
  redeliver(taskId: string, deliveryId: string): Promise<boolean>;

  waiting(): Promise<WaitingDeliveries>;

  /** Calls the listener when this process has stored an event. @returns what ends that. */
  onStored(listener: () => void): () => void;
}
