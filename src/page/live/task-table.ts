import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Task, TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import { millis } from "../texts/format.js";

/**
 * The tasks that the page knows. Each is a signal of its own, so that a change of one draws one row.
 * What depends on which tasks there are, or on their statuses, reads {@link shape}.
 */
export class TaskTable {
  readonly #tasks = new Map<string, Signal<Task>>();
  readonly #shape = signal(0);

  /** Changes when a task comes, goes, or gets another status. */
  get shape(): ReadonlySignal<number> {
    return this.#shape;
  }

  get(taskId: string): ReadonlySignal<Task> | undefined {
    return this.#tasks.get(taskId);
  }

  /** Takes tasks in, in any order. An older state never replaces a newer one. */
  merge(tasks: readonly Task[]): void {
    batch(() => {
      for (const task of tasks) this.#mergeOne(task);
    });
  }

  /** Forgets a task that the service has deleted. */
  remove(taskId: string): void {
    if (this.#tasks.delete(taskId)) this.#shape.value += 1;
  }

  /** Forgets the tasks that have not ended. */
  removeOpen(): void {
    batch(() => {
      for (const { taskId } of this.select((task) => !hasEnded(task))) this.remove(taskId);
    });
  }

  /** The tasks that `isWanted` accepts, newest first. */
  select(isWanted: (task: Task) => boolean): readonly Task[] {
    const wanted: Dated[] = [];
    for (const known of this.#tasks.values()) {
      const task = known.peek();
      if (isWanted(task)) wanted.push({ task, createdMs: millis(task.createdAt) });
    }
    return wanted.sort(byNewest).map(({ task }) => task);
  }

  #mergeOne(task: Task): void {
    const known = this.#tasks.get(task.taskId);
    if (known === undefined) {
      this.#tasks.set(task.taskId, signal(task));
      this.#shape.value += 1;
      return;
    }
    const before = known.peek();
    if (isOlder(task, before)) return;
    known.value = task;
    if (task.status !== before.status) this.#shape.value += 1;
  }
}

/** Whether a task has reached a status that never changes again. */
export function hasEnded({ status }: Task): boolean {
  return status !== TaskStatus.PENDING && status !== TaskStatus.PROCESSING;
}

interface Dated {
  readonly task: Task;
  readonly createdMs: number;
}

/** Newest first; of two of the same time, the greater id, as the service has it. */
function byNewest(a: Dated, b: Dated): number {
  const between = b.createdMs - a.createdMs;
  if (between !== 0) return between;
  return a.task.taskId < b.task.taskId ? 1 : -1;
}

function isOlder(task: Task, than: Task): boolean {
  if (hasEnded(than) && !hasEnded(task)) return true;
  return millis(task.updatedAt) < millis(than.updatedAt);
}
