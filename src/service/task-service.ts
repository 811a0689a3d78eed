import { TaskError, type Violation } from "../domain/errors.js";
import type { Label, Task, TaskStatus } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { CreateResult, Idempotency, TaskIntake } from "../store/task-intake.js";
import { taskPages } from "../store/task-pages.js";
import type { TaskReading } from "../store/task-reading.js";
import type { TaskWatcher } from "../store/watch/watch-task.js";
import type { WorkflowArchive } from "../store/workflow-archive.js";
import { toContent } from "../workflow/read/workflow-content.js";
import { type CreateContext, type CreateTask, checkTask, idempotencyOf } from "./create-task.js";
import { type TaskView, viewTask } from "./task-view.js";

/** The objects that the service works with. */
export interface TaskServiceOptions extends CreateContext {
  readonly store: TaskReading & TaskIntake & WorkflowArchive;
  readonly watcher: Pick<TaskWatcher, "watch">;
  readonly storage: Pick<ObjectStorage, "url">;
  /** How many tasks may wait. Absent: no limit. */
  readonly maxPendingCount?: number;
}

/** Selects the tasks to list. The newest come first. */
export interface ListTasks {
  readonly status?: TaskStatus;
  readonly labels?: readonly Label[];
  /** 0 means 50. */
  readonly pageSize: number;
  readonly pageToken?: string;
}

/** A page of a list of tasks. */
export interface TaskList {
  readonly tasks: readonly TaskView[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

const DEFAULT_PAGE_SIZE = 50;
/** How long a client should wait when the queue is full. */
const QUEUE_FULL_RETRY_MS = 10_000;

/**
 * The use cases of clients with tasks. All of them work through the store; this class does not know
 * the scheduler.
 */
export class TaskService {
  readonly #options: TaskServiceOptions;
  /** Workflow versions that this process has already saved in the store. */
  readonly #savedVersions = new Set<string>();

  constructor(options: TaskServiceOptions) {
    this.#options = options;
  }

  /**
   * Accepts a task. The task is stored when this returns.
   *
   * @throws TaskError INVALID_REQUEST, WORKFLOW_NOT_RUNNABLE, IDEMPOTENCY_CONFLICT, QUEUE_FULL.
   */
  async create(request: CreateTask): Promise<Task> {
    const idempotency = idempotencyOf(request);
    // A repeated request is answered before it is checked. It was accepted once; since then its
    // upload may have expired, or its workflow may have been removed.
    const result =
      (idempotency && (await this.#options.store.replay(idempotency))) ??
      (await this.#createNew(request, idempotency));
    switch (result.outcome) {
      case "created":
      case "replayed":
        return result.task;
      case "conflict":
        throw new TaskError(
          "IDEMPOTENCY_CONFLICT",
          `Idempotency key "${request.idempotencyKey}" was used for another request; use a new key`,
        );
      case "full":
        throw queueFull(this.#options.maxPendingCount);
    }
  }

  /**
   * All problems for which {@link create} would refuse the request with INVALID_REQUEST. Empty: no
   * problem.
   */
  async violations(request: CreateTask): Promise<readonly Violation[]> {
    try {
      await checkTask(request, this.#options);
      return [];
    } catch (error) {
      if (error instanceof TaskError) return error.violations;
      throw error;
    }
  }

  /** @throws TaskError TASK_NOT_FOUND. */
  async get(taskId: string): Promise<TaskView> {
    const task = await this.#options.store.get(taskId);
    if (task === undefined) throw notFound();
    return await this.#view(task);
  }

  async list({ pageSize, ...rest }: ListTasks): Promise<TaskList> {
    const tasks: TaskView[] = [];
    let nextPageToken: string | undefined;
    const request = { ...rest, pageSize: pageSize || DEFAULT_PAGE_SIZE };
    for await (const page of taskPages(this.#options.store, request)) {
      tasks.push(...(await Promise.all(page.tasks.map((task) => this.#view(task)))));
      nextPageToken = page.nextPageToken;
    }
    return { tasks, ...(nextPageToken !== undefined && { nextPageToken }) };
  }

  /** Stops a task. @throws TaskError TASK_NOT_FOUND, TASK_ALREADY_ENDED. */
  async cancel(taskId: string): Promise<void> {
    switch (await this.#options.store.cancel(taskId)) {
      case "canceled":
      case "already_canceled":
        return;
      case "not_found":
        throw notFound();
      case "terminal":
        throw new TaskError(
          "TASK_ALREADY_ENDED",
          "Unable to cancel task (already completed or failed)",
        );
    }
  }

  /**
   * Yields the states of a task that are newer than a revision, until the task ends or the signal
   * is aborted.
   *
   * @throws TaskError TASK_NOT_FOUND.
   */
  async *watch(taskId: string, afterRev: number, signal: AbortSignal): AsyncIterable<TaskView> {
    for await (const task of this.#options.watcher.watch(taskId, afterRev, signal))
      yield await this.#view(task);
  }

  async #createNew(
    request: CreateTask,
    idempotency: Idempotency | undefined,
  ): Promise<CreateResult> {
    const { store, maxPendingCount } = this.#options;
    const { newTask, workflow } = await checkTask(request, this.#options);
    if (!this.#savedVersions.has(workflow.version)) {
      await store.saveWorkflow(workflow.version, toContent(workflow));
      this.#savedVersions.add(workflow.version);
    }
    return await store.create({ ...newTask, ...defined({ idempotency }) }, maxPendingCount);
  }

  #view(task: Task): Promise<TaskView> {
    return viewTask(task, this.#options.storage);
  }
}

function notFound(): TaskError {
  return new TaskError("TASK_NOT_FOUND", "Task not found");
}

function queueFull(maxPendingCount = 0): TaskError {
  const waiting = maxPendingCount === 1 ? "1 task is" : `${maxPendingCount} tasks are`;
  const message = `The queue is full: ${waiting} waiting; try again later`;
  return new TaskError("QUEUE_FULL", message, { retryAfterMs: QUEUE_FULL_RETRY_MS });
}
