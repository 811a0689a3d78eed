import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Task, TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Clients } from "../clients.js";
import { type Failure, toFailure } from "../failure.js";
import { millis } from "../texts/format.js";
import type { TaskTable } from "./task-table.js";

/** Which tasks a list shows. */
export interface TaskFilter {
  /** Unspecified: any. */
  readonly status: TaskStatus;
  /** `key:value` each; all must hold. */
  readonly labels: readonly string[];
}

const PAGE_SIZE = 100;

/**
 * The tasks of a filter, newest first: page by page from the service, and with them what the feed
 * tells. What is older than the last page read is not shown, since there would be gaps.
 */
export class TaskPages {
  readonly filter: TaskFilter;
  readonly #clients: Clients;
  readonly #table: TaskTable;
  readonly #isLoading = signal(false);
  readonly #failure: Signal<Failure | undefined> = signal(undefined);
  /** Creation time of the oldest task read; everything is read where it is 0. */
  readonly #horizonMs = signal(Number.POSITIVE_INFINITY);
  #nextToken = "";

  constructor(clients: Clients, table: TaskTable, filter: TaskFilter) {
    this.#clients = clients;
    this.#table = table;
    this.filter = filter;
  }

  get isLoading(): ReadonlySignal<boolean> {
    return this.#isLoading;
  }

  get failure(): ReadonlySignal<Failure | undefined> {
    return this.#failure;
  }

  readonly tasks: ReadonlySignal<readonly Task[]> = computed(() => {
    void this.#table.shape.value;
    const horizonMs = this.#horizonMs.value;
    return this.#table.select((task) => this.#holds(task) && millis(task.createdAt) >= horizonMs);
  });

  /** Reads the newest page again. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#read("", signal);
  }

  /** Reads the next page, if there is one. */
  async more(signal: AbortSignal): Promise<void> {
    if (this.#nextToken !== "" && !this.#isLoading.peek())
      await this.#read(this.#nextToken, signal);
  }

  async #read(pageToken: string, signal: AbortSignal): Promise<void> {
    const { status, labels } = this.filter;
    this.#isLoading.value = true;
    try {
      const page = await this.#clients.tasks.listTasks(
        { pageSize: PAGE_SIZE, pageToken, status, label: [...labels] },
        { signal },
      );
      this.#table.merge(page.tasks);
      this.#reach(page.tasks, page.nextPageToken, pageToken === "");
      this.#failure.value = undefined;
    } catch (thrown) {
      if (!signal.aborted) this.#failure.value = toFailure(thrown);
    } finally {
      this.#isLoading.value = false;
    }
  }

  #reach(tasks: readonly Task[], nextToken: string, isFirst: boolean): void {
    const reachedMs = nextToken === "" ? 0 : millis(tasks.at(-1)?.createdAt);
    const known = this.#horizonMs.peek();
    // A newest page that is read again does not take away what was read behind it.
    if (isFirst && known <= reachedMs) return;
    this.#horizonMs.value = reachedMs;
    this.#nextToken = nextToken;
  }

  #holds(task: Task): boolean {
    const { status, labels } = this.filter;
    if (status !== TaskStatus.UNSPECIFIED && task.status !== status) return false;
    return labels.every((label) => {
      const [key = "", ...value] = label.split(":");
      return task.labels[key] === value.join(":");
    });
  }
}
