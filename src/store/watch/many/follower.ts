import { setTimeout as sleep } from "node:timers/promises";
import { isChunkId } from "../../../domain/film.js";
import { isTerminal, type TaskStatus } from "../../../domain/task.js";
import { backoffMs } from "../../../lib/backoff.js";
import { inTurns } from "../../../lib/in-turns.js";
import { type FollowedTask, isDeleted } from "../../task-following.js";
import { taskPages } from "../../task-pages.js";
import type { TaskChange } from "../../task-reading.js";
import type { TaskStore } from "../../task-store.js";
import type { StreamIndex } from "./stream-index.js";
import { type Before, SharedChange } from "./task-news.js";
import { writeCursor } from "./watch-cursor.js";

/** The part of a store that following needs. */
export type FollowedStore = Pick<
  TaskStore,
  "storeId" | "list" | "subscribe" | "position" | "follow" | "changesAfter"
>;

/** Changes of a task that come within this time are told as one. */
const TURN_MS = 100;
const READ_COUNT = 100;
const RETRY_PAUSE = { baseMs: 100, capMs: 5_000 };

interface Told {
  readonly position: string;
  readonly isNew: boolean;
}

/**
 * Reads each task that changed once, however many streams are about it, and tells them. It knows which
 * tasks are processing, so that it can say of each change what the task was before.
 */
export class Follower implements Disposable {
  readonly #store: FollowedStore;
  readonly #streams: StreamIndex;
  readonly #onError: (error: unknown) => void;
  readonly #unsubscribe: () => void;
  readonly #stop = new AbortController();
  /** What was told and is not read yet, in the order of each task's last change. */
  #told = new Map<string, Told>();
  /** Of the tasks that are known not to have ended; others are pending. */
  readonly #statuses = new Map<string, TaskStatus>();
  #isPrimed = false;
  #isRunning = false;

  constructor(
    store: FollowedStore,
    streams: StreamIndex,
    onError: (error: unknown) => void = () => undefined,
  ) {
    this.#store = store;
    this.#streams = streams;
    this.#onError = onError;
    this.#unsubscribe = store.subscribe((change) => this.#note(change));
    void this.#run();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#unsubscribe();
  }

  #note({ taskId, rev, position }: TaskChange): void {
    if (isChunkId(taskId)) return;
    const isNew = rev === 1 || this.#told.get(taskId)?.isNew === true;
    this.#told.delete(taskId);
    this.#told.set(taskId, { position, isNew });
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let failureCount = 0; !this.#stop.signal.aborted; ) {
      try {
        if (!this.#isPrimed) await this.#prime();
        else if (this.#told.size === 0) break;
        else await this.#tellAll(false);
        failureCount = 0;
      } catch (error) {
        failureCount += 1;
        this.#onError(error);
      }
      const pauseMs = failureCount > 0 ? backoffMs(failureCount, RETRY_PAUSE) : TURN_MS;
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
    this.#isRunning = false;
  }

  /** What changes while the processing tasks are read may have been either before. */
  async #prime(): Promise<void> {
    const all = { status: "processing", pageSize: Number.POSITIVE_INFINITY } as const;
    for await (const { tasks } of taskPages(this.#store, all))
      for (const { taskId, status } of tasks) this.#statuses.set(taskId, status);
    await this.#tellAll(true);
    this.#isPrimed = true;
  }

  async #tellAll(isUnsure: boolean): Promise<void> {
    const told = this.#told;
    this.#told = new Map();
    try {
      while (told.size > 0 && !this.#stop.signal.aborted) await this.#tellSome(told, isUnsure);
    } catch (error) {
      // What was told since comes behind.
      for (const [taskId, one] of this.#told) told.delete(taskId) && told.set(taskId, one);
      this.#told = new Map([...told, ...this.#told]);
      throw error;
    }
  }

  async #tellSome(told: Map<string, Told>, isUnsure: boolean): Promise<void> {
    const some = [...told].slice(0, READ_COUNT);
    const found = await this.#store.follow(some.map(([taskId]) => taskId));
    const byId = new Map(found.map((followed) => [followed.taskId, followed]));
    const changes = some.flatMap(([taskId, { position, isNew }]) => {
      told.delete(taskId);
      const followed = byId.get(taskId);
      if (!followed) return [];
      const before = this.#before(followed, isNew, isUnsure);
      const cursor = writeCursor(this.#store.storeId, { position });
      return [new SharedChange(followed, before, cursor)];
    });
    await inTurns(changes, (change) => {
      for (const stream of this.#streams.of(change.followed)) stream.tell(change);
    });
  }

  #before(followed: FollowedTask, isNew: boolean, isUnsure: boolean): Before {
    const { taskId, status } = followed;
    const known = this.#statuses.get(taskId);
    if (isTerminal(status)) this.#statuses.delete(taskId);
    else this.#statuses.set(taskId, status);
    if (isDeleted(followed)) return status;
    if (isNew) return undefined;
    return isUnsure ? "unknown" : (known ?? "pending");
  }
}
