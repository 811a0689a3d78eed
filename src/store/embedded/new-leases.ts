import type { Task } from "../../domain/task.js";
import type { AskForLease, NewLease } from "../task-queue.js";

/** Whoever may have a use for a task that is being created. */
export class LeaseAskers {
  // Keyed by the subscription: the same function may be subscribed twice.
  readonly #askers = new Map<symbol, AskForLease>();
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure called with what an asker throws: the task is not leased then */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** @returns a function that ends the subscription. */
  subscribe(ask: AskForLease): () => void {
    const key = Symbol();
    this.#askers.set(key, ask);
    return () => this.#askers.delete(key);
  }

  /** Runs a write of new tasks, then tells those who wanted one whether they have it. */
  async during<T>(write: (leases: NewLeases) => Promise<T>): Promise<T> {
    const leases = new NewLeases(this);
    let isStored = false;
    try {
      const result = await write(leases);
      isStored = true;
      return result;
    } finally {
      leases.tell(isStored);
    }
  }

  /** The answer of the first one that wants the task. */
  ask(task: Task): NewLease | undefined {
    for (const ask of this.#askers.values()) {
      try {
        const lease = ask(task);
        if (lease !== undefined) return lease;
      } catch (error) {
        this.#onFailure(error);
      }
    }
    return undefined;
  }
}

/** The leases of one write of new tasks. */
export class NewLeases {
  readonly #askers: LeaseAskers;
  readonly #wanted = new Map<NewLease, Task | undefined>();

  constructor(askers: LeaseAskers) {
    this.#askers = askers;
  }

  /** How a task is leased as it is stored; undefined: nobody wants it. */
  ask(task: Task): NewLease | undefined {
    const lease = this.#askers.ask(task);
    if (lease !== undefined) this.#wanted.set(lease, undefined);
    return lease;
  }

  /** Notes a task as it is stored by what {@link ask} has answered. */
  give(lease: NewLease, task: Task): void {
    this.#wanted.set(lease, task);
  }

  /** Tells those who wanted a task whether they have it. @param isStored whether the write is on disk */
  tell(isStored: boolean): void {
    for (const [lease, task] of this.#wanted) lease.told(isStored ? task : undefined);
  }
}
