import { TaskError } from "../domain/errors.js";
import type { TaskReading } from "../store/task-reading.js";
import type { Delivery, WebhookOutbox } from "../store/webhook-outbox.js";

export type { Delivery as DeliveryView };

/** Where events and their tasks are. */
export interface DeliveryStore extends Pick<TaskReading, "get"> {
  readonly outbox: Pick<WebhookOutbox, "deliveries" | "redeliver">;
}

/** The use cases of clients with what webhooks were told. */
export class DeliveryService {
  readonly #store: DeliveryStore;

  constructor(store: DeliveryStore) {
    this.#store = store;
  }

  /** The newest first. @throws TaskError TASK_NOT_FOUND */
  async list(taskId: string): Promise<readonly Delivery[]> {
    await this.#requireTask(taskId);
    return await this.#store.outbox.deliveries(taskId);
  }

  /** Tells an event again. @throws TaskError TASK_NOT_FOUND, DELIVERY_NOT_FOUND */
  async redeliver(taskId: string, deliveryId: string): Promise<void> {
    await this.#requireTask(taskId);
    if (await this.#store.outbox.redeliver(taskId, deliveryId)) return;
    throw new TaskError("DELIVERY_NOT_FOUND", "The task has no delivery of this id");
  }

  async #requireTask(taskId: string): Promise<void> {
    if ((await this.#store.get(taskId)) === undefined)
      throw new TaskError("TASK_NOT_FOUND", "Task not found");
  }
}
