import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { Tasks } from "../../src/api/rpc/task-handlers.js";
import { TaskError } from "../../src/domain/errors.js";
import { isTerminal, type Task } from "../../src/domain/task.js";
import type { CreateTask } from "../../src/service/create-task.js";
import type { NewsView } from "../../src/service/task-service.js";
import type { TaskView } from "../../src/service/task-view.js";

/** The use cases of tasks in memory, controlled by a test. */
export class TestTasks implements Tasks {
  /** The received requests, in order. */
  readonly created: CreateTask[] = [];
  /** How many watches are open. */
  openStreamCount = 0;
  /** How many states were read from watches. */
  sentCount = 0;
  /** If set, watches send the same state again and again, as fast as it is read. */
  flood = false;
  /** Awaited by each create before it returns. */
  beforeCreate: () => Promise<void> = async () => undefined;
  readonly #tasks = new Map<string, Task>();
  readonly #changes = new EventEmitter().setMaxListeners(0);

  /** Stores a task, or a new state of it, and tells the watchers. */
  put(task: Task): Task {
    this.#tasks.set(task.taskId, task);
    this.#changes.emit("change");
    return task;
  }

  async create(request: CreateTask): Promise<Task> {
    this.created.push(request);
    await this.beforeCreate();
    return this.put(testTask({ params: request.params }));
  }

  async createTogether(requests: readonly CreateTask[]): Promise<readonly Task[]> {
    return await Promise.all(requests.map((request) => this.create(request)));
  }

  async retry(taskId: string): Promise<Task> {
    return (await this.get(taskId)).task;
  }

  async cancelAll(taskIds: readonly string[]): Promise<number> {
    for (const taskId of taskIds) await this.cancel(taskId);
    return taskIds.length;
  }

  async cancelLabeled(): Promise<number> {
    return 0;
  }

  async violations(): Promise<[]> {
    return [];
  }

  async get(taskId: string): Promise<TaskView> {
    const task = this.#tasks.get(taskId);
    if (task === undefined) throw new TaskError("TASK_NOT_FOUND", "Task not found");
    return view(task);
  }

  async chunks(): Promise<[]> {
    return [];
  }

  async list(): Promise<{ tasks: TaskView[] }> {
    return { tasks: Array.from(this.#tasks.values(), view) };
  }

  async cancel(taskId: string): Promise<void> {
    const { task } = await this.get(taskId);
    if (isTerminal(task.status)) throw new TaskError("TASK_ALREADY_ENDED", "Unable to cancel task");
    this.put({ ...task, status: "canceled", rev: task.rev + 1 });
  }

  /** Yields each newer state until a terminal one. */
  async *watch(taskId: string, afterRev: number, signal: AbortSignal): AsyncIterable<TaskView> {
    this.openStreamCount += 1;
    try {
      for (let rev = afterRev; ; ) {
        const { task } = await this.get(taskId);
        if (task.rev > rev || this.flood) {
          yield view(task);
          this.sentCount += 1;
        }
        if (isTerminal(task.status)) return;
        rev = task.rev;
        if (this.flood) await new Promise(setImmediate);
        else await once(this.#changes, "change", { signal });
      }
    } finally {
      this.openStreamCount -= 1;
    }
  }

  async *watchMany(): AsyncIterable<NewsView> {}
}

/** A pending task with a new id. */
export function testTask(overrides: Partial<Task> = {}): Task {
  const now = new Date("2026-01-02T14:14:34.789Z");
  return {
    taskId: randomUUID().replaceAll("-", ""),
    rev: 1,
    epoch: 0,
    status: "pending",
    type: "image",
    priority: 1,
    params: { url: "https://example.com/in.png" },
    workflow: "esrgan_image_2x",
    workflowVersion: "v1",
    parameters: {},
    createdAt: now,
    updatedAt: now,
    dueAt: now,
    attempt: 1,
    takeovers: 0,
    attempts: [],
    bypassCount: 0,
    stages: {},
    progress: 0,
    ...overrides,
  };
}

function view(task: Task): TaskView {
  const outputUrls = (task.outputs ?? []).map(({ key }) => ({ url: `http://files.test/${key}` }));
  return { task, outputUrls };
}
