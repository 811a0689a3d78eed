import {
  deliveriesOf,
  giveUpEvents,
  leasedDelivery,
  leaseOutbox,
  type Outbox,
  redeliverEvent,
  settleOutbox,
} from "../core/outbox.js";
import type {
  Delivery,
  DeliveryFence,
  DeliveryRequest,
  DeliveryTry,
  DeliveryVerdict,
  LeasedDelivery,
  WaitingDeliveries,
  WebhookOutbox,
} from "../webhook-outbox.js";
import { VersionConflict } from "./errors.js";
import type { MongoOutboxes, StoredOutbox } from "./outboxes.js";
import { retryOnConflict } from "./save.js";

/** As much of a connection as an outbox needs. */
interface RunsWithOutboxes {
  run<T>(work: (database: { readonly outboxes: MongoOutboxes }) => Promise<T>): Promise<T>;
}

/** The outbox on a MongoDB database. All times are the database server's. */
export class MongoOutbox implements WebhookOutbox {
  readonly #connection: RunsWithOutboxes;
  readonly #listeners = new Set<() => void>();

  constructor(connection: RunsWithOutboxes) {
    this.#connection = connection;
  }

  async lease(request: DeliveryRequest): Promise<readonly LeasedDelivery[]> {
    const { leaseMs, limit, perReceiver, except } = request;
    if (limit < 1) return [];
    return await this.#connection.run(async ({ outboxes }) => {
      const found = await outboxes.findDue(except, perReceiver, limit);
      const leased = await Promise.all(
        found.map(async (stored) => {
          const next = leaseOutbox(stored.outbox, leaseMs, stored.now);
          return (await isSaved(outboxes, stored, next)) ? leasedDelivery(next) : undefined;
        }),
      );
      return leased.filter((one) => one !== undefined);
    });
  }

  async settle(
    fence: DeliveryFence,
    verdict: DeliveryVerdict,
    tried: Omit<DeliveryTry, "at" | "tryCount">,
  ): Promise<boolean> {
    return await this.#change(fence.taskId, ({ outbox, now }) =>
      settleOutbox(outbox, fence, verdict, tried, now),
    );
  }

  async giveUp(limit: number): Promise<number> {
    return await this.#connection.run(async ({ outboxes }) => {
      const expired = await outboxes.findExpired(limit);
      const saved = await Promise.all(
        expired.map((one) => isSaved(outboxes, one, giveUpEvents(one.outbox, one.now))),
      );
      return saved.filter(Boolean).length;
    });
  }

  async deliveries(taskId: string): Promise<readonly Delivery[]> {
    const found = await this.#connection.run(({ outboxes }) => outboxes.find(taskId));
    return found ? deliveriesOf(found.outbox) : [];
  }

  async redeliver(taskId: string, deliveryId: string): Promise<boolean> {
    const isFound = await this.#change(taskId, ({ outbox, now }) =>
      redeliverEvent(outbox, deliveryId, now),
    );
    if (isFound) this.tell();
    return isFound;
  }

  async waiting(): Promise<WaitingDeliveries> {
    const taskCount = await this.#connection.run(({ outboxes }) => outboxes.countWaiting());
    return { taskCount };
  }

  onStored(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners that this process has stored something. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** @returns whether there was something to store. */
  async #change(
    taskId: string,
    decide: (stored: StoredOutbox) => Outbox | undefined,
  ): Promise<boolean> {
    return await this.#connection.run(({ outboxes }) =>
      retryOnConflict(async () => {
        const stored = await outboxes.find(taskId);
        const next = stored && decide(stored);
        if (stored && next) await outboxes.save(stored, next);
        return next !== undefined;
      }),
    );
  }
}

/** @returns false if another process was faster. */
async function isSaved(
  outboxes: MongoOutboxes,
  stored: StoredOutbox,
  next: Outbox,
): Promise<boolean> {
  try {
    await outboxes.save(stored, next);
    return true;
  } catch (error) {
    if (error instanceof VersionConflict) return false;
    throw error;
  }
}
