import {
  deliveriesOf,
  giveUpEvents,
  leasedDelivery,
  leaseOutbox,
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
import type { GroupCommit } from "./group-commit.js";
import type { EmbeddedOutboxTable } from "./outbox-table.js";

/** The outbox on an SQLite file. */
export class EmbeddedOutbox implements WebhookOutbox {
  readonly #table: EmbeddedOutboxTable;
  readonly #commits: GroupCommit;
  readonly #clock: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(table: EmbeddedOutboxTable, commits: GroupCommit, clock: () => number) {
    this.#table = table;
    this.#commits = commits;
    this.#clock = clock;
    table.voidLeases(clock());
  }

  async lease(request: DeliveryRequest): Promise<readonly LeasedDelivery[]> {
    const { leaseMs, limit, perReceiver, except } = request;
    // Mostly nothing is due: then nothing is written.
    const find = () => this.#table.findDue(this.#clock(), except, perReceiver, limit);
    if (limit < 1 || find().length === 0) return [];
    return await this.#write((now) =>
      find().flatMap((outbox) => {
        const leased = leaseOutbox(outbox, leaseMs, now);
        this.#table.save(leased);
        return leasedDelivery(leased) ?? [];
      }),
    );
  }

  async settle(
    fence: DeliveryFence,
    verdict: DeliveryVerdict,
    tried: Omit<DeliveryTry, "at" | "tryCount">,
  ): Promise<boolean> {
    return await this.#write((now) => {
      const outbox = this.#table.find(fence.taskId);
      const settled = outbox && settleOutbox(outbox, fence, verdict, tried, now);
      if (settled) this.#table.save(settled);
      return settled !== undefined;
    });
  }

  async giveUp(limit: number): Promise<number> {
    if (this.#table.findExpired(this.#clock(), 1).length === 0) return 0;
    return await this.#write((now) => {
      const expired = this.#table.findExpired(now.getTime(), limit);
      for (const outbox of expired) this.#table.save(giveUpEvents(outbox, now));
      return expired.length;
    });
  }

  async deliveries(taskId: string): Promise<readonly Delivery[]> {
    const outbox = this.#table.find(taskId);
    return outbox ? deliveriesOf(outbox) : [];
  }

  async redeliver(taskId: string, deliveryId: string): Promise<boolean> {
    const isFound = await this.#write((now) => {
      const outbox = this.#table.find(taskId);
      const next = outbox && redeliverEvent(outbox, deliveryId, now);
      if (next) this.#table.save(next);
      return next !== undefined;
    });
    if (isFound) this.tell();
    return isFound;
  }

  async waiting(): Promise<WaitingDeliveries> {
    return { taskCount: this.#table.countWaiting() };
  }

  onStored(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners that something was stored. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async #write<T>(work: (now: Date) => T): Promise<T> {
    return await this.#commits.write(
      () => work(new Date(this.#clock())),
      () => {},
    );
  }
}
