import { TaskError } from "../../domain/errors.js";
import { isTerminal, type Task } from "../../domain/task.js";
import type { TaskReading } from "../task-reading.js";

/** The part of a store that watching needs. */
type WatchedStore = Pick<TaskReading, "get" | "subscribe">;

/**
 * Watches tasks of one store. There is one subscription, however many tasks are watched; each
 * change is passed on by task id. All watches of one task share each reading of it.
 *
 * Make one watcher for each store, and dispose it before the store: watches that still run then end
 * with SHUTTING_DOWN.
 */
export class TaskWatcher implements Disposable {
  readonly #store: WatchedStore;
  readonly #topics = new Map<string, Topic>();
  readonly #unsubscribe: () => void;
  #isDisposed = false;

  constructor(store: WatchedStore) {
    this.#store = store;
    this.#unsubscribe = store.subscribe(({ taskId, rev }) => this.#topics.get(taskId)?.tell(rev));
  }

  /**
   * Yields snapshots of a task: the stored one at once if its revision is above `afterRev`, then
   * one after each change. A slow reader misses revisions in between, but never the last.
   *
   * The generator ends after a terminal snapshot. That snapshot always comes, even if `afterRev` is
   * its revision already, so that nobody waits for news of a finished task. An `afterRev` above the
   * task's revision cannot be of this task and counts as 0.
   *
   * @throws TaskError TASK_NOT_FOUND if the task is not stored, SHUTTING_DOWN once the watcher is
   *   disposed; the signal's reason when it aborts.
   */
  async *watch(taskId: string, afterRev: number, signal: AbortSignal): AsyncGenerator<Task, void> {
    const topic = this.#join(taskId);
    try {
      // Read after joining: every change from here on is told.
      let task = found(await this.#store.get(taskId));
      let knownRev = afterRev > task.rev ? 0 : afterRev;
      while (!isTerminal(task.status)) {
        if (task.rev > knownRev) yield task;
        knownRev = Math.max(knownRev, task.rev);
        await topic.newerThan(knownRev, signal);
        task = found(await topic.read());
      }
      yield task;
    } finally {
      this.#leave(taskId, topic);
    }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#unsubscribe();
    for (const topic of this.#topics.values()) topic.end(shuttingDown());
  }

  #join(taskId: string): Topic {
    if (this.#isDisposed) throw shuttingDown();
    const topic = this.#topics.get(taskId) ?? new Topic(() => this.#store.get(taskId));
    this.#topics.set(taskId, topic);
    topic.watchCount += 1;
    return topic;
  }

  #leave(taskId: string, topic: Topic): void {
    topic.watchCount -= 1;
    if (topic.watchCount === 0) this.#topics.delete(taskId);
  }
}

/** Watches one task of a store with a {@link TaskWatcher} of its own. Meant for few watches. */
export async function* watchTask(
  store: WatchedStore,
  taskId: string,
  afterRev: number,
  signal: AbortSignal,
): AsyncGenerator<Task, void> {
  using watcher = new TaskWatcher(store);
  yield* watcher.watch(taskId, afterRev, signal);
}

/** What all watches of one task share. */
class Topic {
  watchCount = 0;
  readonly #readTask: () => Promise<Task | undefined>;
  readonly #waiting = new Set<() => void>();
  #latestRev = 0;
  #endedBy: TaskError | undefined;
  #reading: { readonly rev: number; readonly task: Promise<Task | undefined> } | undefined;

  constructor(readTask: () => Promise<Task | undefined>) {
    this.#readTask = readTask;
  }

  tell(rev: number): void {
    this.#latestRev = Math.max(this.#latestRev, rev);
    this.#wakeAll();
  }

  end(error: TaskError): void {
    this.#endedBy = error;
    this.#wakeAll();
  }

  /** Waits until a revision above `rev` was told. */
  async newerThan(rev: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.#latestRev <= rev && !this.#endedBy) await this.#awake(signal);
    if (this.#endedBy) throw this.#endedBy;
  }

  /** Reads the task with at least the latest revision told. All who ask share one reading. */
  async read(): Promise<Task | undefined> {
    const rev = this.#latestRev;
    if (this.#reading?.rev === rev) return await this.#reading.task;
    const task = this.#readTask();
    this.#reading = { rev, task };
    try {
      return await task;
    } catch (error) {
      this.#reading = undefined;
      throw error;
    }
  }

  /** Waits are kept in a set: thousands of them would be slow to remove from an emitter. */
  #awake(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

function found(task: Task | undefined): Task {
  if (!task) throw new TaskError("TASK_NOT_FOUND", "Task not found");
  return task;
}

function shuttingDown(): TaskError {
  return new TaskError("SHUTTING_DOWN", "Cannot watch the task: the service is shutting down");
}
