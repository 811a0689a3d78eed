import { setImmediate } from "node:timers/promises";
import { TaskError, type Violation } from "../domain/errors.js";
import type { ChunkTask, Label, Task, TaskStatus } from "../domain/task.js";
import { uploadKeyOf } from "../input/upload/upload-key.js";
import { defined } from "../lib/defined.js";
import { perObject, perObjectFor } from "../lib/per-object.js";
import type { PreviewSide, PreviewWidth } from "../preview/preview-key.js";
import type { Preview, Previews } from "../preview/previews.js";
import type { FilmQueue } from "../store/film-queue.js";
import { type DeletedTask, isDeleted } from "../store/task-following.js";
import type { TaskIntake } from "../store/task-intake.js";
import { taskPages } from "../store/task-pages.js";
import type { TaskReading } from "../store/task-reading.js";
import type { TaskNews } from "../store/watch/many/task-news.js";
import type { TasksWatcher } from "../store/watch/many/tasks-watcher.js";
import type { WatchedTasks } from "../store/watch/many/watched-tasks.js";
import type { TaskWatcher } from "../store/watch/watch-task.js";
import type { WorkflowArchive } from "../store/workflow-archive.js";
import { type CreateTask, checkTask } from "./create-task.js";
import { TaskSubmission, type TaskSubmissionOptions } from "./task-submission.js";
import { type TaskView, type ViewOptions, viewTask } from "./task-view.js";

export type { WatchedTasks };

/** The objects that the service works with. */
export interface TaskServiceOptions extends TaskSubmissionOptions, ViewOptions {
  readonly store: TaskReading & TaskIntake & WorkflowArchive & Pick<FilmQueue, "chunks">;
  readonly watcher: Pick<TaskWatcher, "watch">;
  readonly tasksWatcher: Pick<TasksWatcher, "watch">;
  readonly previews: Pick<Previews, "get">;
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

/** The object of an uploaded file. */
export interface UploadedInput {
  readonly key: string;
  readonly mediaType: string;
}

/** News of one of many tasks: the task, or what is known of one that was deleted. */
export type NewsView = Pick<TaskNews, "gone" | "cursor"> &
  ({ readonly view: TaskView } | { readonly deleted: DeletedTask });

const DEFAULT_PAGE_SIZE = 50;
/** URLs hold for longer by far. */
const VIEW_KEPT_MS = 10_000;
/** Begins the idempotency keys of repeated tasks. */
const RETRY_KEY = "\u0000retry ";

/**
 * The use cases of clients with tasks. All of them work through the store; this class does not know
 * the scheduler.
 */
export class TaskService {
  readonly #options: TaskServiceOptions;
  readonly #submission: TaskSubmission;
  readonly #recentView = perObjectFor(VIEW_KEPT_MS, (task: Task) => viewTask(task, this.#options));
  readonly #newsView = perObject((news: TaskNews) => this.#viewNews(news));

  constructor(options: TaskServiceOptions) {
    this.#options = options;
    this.#submission = new TaskSubmission(options);
  }

  /**
   * Accepts a task. The task is stored when this returns.
   *
   * @throws TaskError INVALID_REQUEST, WORKFLOW_NOT_RUNNABLE, IDEMPOTENCY_CONFLICT, QUEUE_FULL,
   *   TENANT_FULL.
   */
  async create(request: CreateTask): Promise<Task> {
    return await this.#submission.create(request);
  }

  /**
   * Accepts several tasks, all or none.
   *
   * @returns them in the order of the requests.
   * @throws TaskError as {@link create}; STORE_WITHOUT_TRANSACTIONS.
   */
  async createTogether(requests: readonly CreateTask[]): Promise<readonly Task[]> {
    return await this.#submission.createTogether(requests);
  }

  /**
   * Repeats a task that failed or was canceled, with the workflow as it is now. The second call for a
   * task answers with the new task of the first.
   *
   * @throws TaskError TASK_NOT_FOUND, TASK_NOT_ENDED, and as {@link create}.
   */
  async retry(taskId: string): Promise<Task> {
    const task = await this.#options.store.get(taskId);
    if (task === undefined) throw notFound();
    const { status, params, parameters, priority, labels, chunking } = task;
    // What the configuration names is looked up anew.
    const webhook = task.webhook?.isDefault ? undefined : task.webhook;
    if (status !== "failed" && status !== "canceled") throw notEnded(status);
    const idempotencyKey = `${RETRY_KEY}${taskId}`;
    const same = { params, parameters, priority, ...defined({ labels, chunking, webhook }) };
    const request = { ...same, idempotencyKey };
    return await this.#submission.create(request, task);
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

  /** The chunks of a film by their first frame; none if it has none. @throws TaskError TASK_NOT_FOUND. */
  async chunks(taskId: string): Promise<readonly ChunkTask[]> {
    const { store } = this.#options;
    if ((await store.get(taskId)) === undefined) throw notFound();
    return await store.chunks(taskId);
  }

  /**
   * A small picture of a task's input or result.
   *
   * @throws TaskError TASK_NOT_FOUND, PREVIEW_NOT_AVAILABLE.
   */
  async preview(
    taskId: string,
    side: PreviewSide,
    width: PreviewWidth,
    signal: AbortSignal,
  ): Promise<Preview> {
    const { task } = await this.get(taskId);
    const preview = await this.#options.previews.get(task, side, width, signal);
    if (preview === undefined) throw noPreview(side);
    return preview;
  }

  /**
   * The object of a task's input, where it was uploaded. It may have been removed since.
   *
   * @throws TaskError TASK_NOT_FOUND, INPUT_NOT_AVAILABLE.
   */
  async uploadedInput(taskId: string): Promise<UploadedInput> {
    const { task } = await this.get(taskId);
    const key = uploadKeyOf(task.params.url);
    if (key === undefined) throw noInput();
    return { key, mediaType: task.input?.mediaType ?? "application/octet-stream" };
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
   * Stops the tasks of these ids, as far as they are there and have not ended.
   *
   * @returns how many were stopped.
   */
  async cancelAll(taskIds: readonly string[], signal: AbortSignal): Promise<number> {
    let count = 0;
    for (const taskId of taskIds) {
      signal.throwIfAborted();
      await setImmediate();
      if ((await this.#options.store.cancel(taskId)) === "canceled") count += 1;
    }
    return count;
  }

  /** {@link cancelAll} for the tasks with a label. */
  async cancelLabeled(label: Label, signal: AbortSignal): Promise<number> {
    let count = 0;
    // Twice, since a task may change from one status to the other in between.
    for (const status of ["pending", "processing", "pending"] as const) {
      const request = { status, labels: [label], pageSize: Number.POSITIVE_INFINITY };
      for await (const { tasks } of taskPages(this.#options.store, request))
        count += await this.cancelAll(
          tasks.map(({ taskId }) => taskId),
          signal,
        );
    }
    return count;
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

  /**
   * Yields the tasks that are there, then what changes of them, until the signal is aborted; see
   * {@link TasksWatcher.watch}. News and views are the same objects for all streams that tell them.
   *
   * @throws TaskError CURSOR_EXPIRED.
   */
  async *watchMany(
    watched: WatchedTasks,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<NewsView> {
    for await (const news of this.#options.tasksWatcher.watch(watched, cursor, signal))
      yield await this.#newsView(news);
  }

  async #viewNews({ followed, gone, cursor }: TaskNews): Promise<NewsView> {
    if (isDeleted(followed)) return { deleted: followed, gone, cursor };
    return { view: await this.#view(followed), gone, cursor };
  }

  /** Whether a film can be watched is not the task's to tell. */
  #view(task: Task): Promise<TaskView> {
    return task.film ? viewTask(task, this.#options) : this.#recentView(task);
  }
}

function notEnded(status: TaskStatus): TaskError {
  const why = status === "completed" ? "it has completed" : "it has not ended";
  return new TaskError("TASK_NOT_ENDED", `Cannot repeat the task: ${why}`);
}

function noPreview(side: PreviewSide): TaskError {
  const why = side === "input" ? "it is not downloaded yet" : "it is not there yet";
  const message = `There is no preview of the ${side}: ${why}, or it is of a kind that is not shown`;
  return new TaskError("PREVIEW_NOT_AVAILABLE", message);
}

function noInput(): TaskError {
  const message = "The service does not have the input: it was not uploaded";
  return new TaskError("INPUT_NOT_AVAILABLE", message);
}

function notFound(): TaskError {
  return new TaskError("TASK_NOT_FOUND", "Task not found");
}
