import type { Task } from "../../domain/task.js";
import { deepFreeze } from "../../lib/deep-freeze.js";

/** So many of those that were read last are kept at least, and twice as many at most. */
const KEPT_COUNT = 5_000;
/** Longer documents are those of large films: some would take more memory than all others. */
const MAX_DOCUMENT_LENGTH = 16_384;

/**
 * Tasks as they were read last, for whoever reads them again before they change. All readers share one frozen
 * object, so that what was made of it may be kept with it.
 */
export class RecentTasks {
  #recent = new Map<string, Task>();
  #before = new Map<string, Task>();

  find(taskId: string): Task | undefined {
    const task = this.#recent.get(taskId);
    if (task !== undefined) return task;
    const older = this.#before.get(taskId);
    if (older !== undefined) this.#note(older);
    return older;
  }

  keep(task: Task, documentLength: number): void {
    if (documentLength <= MAX_DOCUMENT_LENGTH) this.#note(deepFreeze(task));
  }

  /** To be called whenever a task is written or deleted, before that is committed. */
  forget(taskId: string): void {
    this.#recent.delete(taskId);
    this.#before.delete(taskId);
  }

  forgetAll(): void {
    this.#recent.clear();
    this.#before.clear();
  }

  #note(task: Task): void {
    if (this.#recent.size >= KEPT_COUNT) {
      this.#before = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(task.taskId, task);
  }
}
