import { TaskError } from "../../../domain/errors.js";
import { defined } from "../../../lib/defined.js";
import { SharedTurns } from "../../../lib/shared-turns.js";
import { isDeleted } from "../../task-following.js";
import { type FollowedStore, Follower } from "./follower.js";
import { type PresentedTask, presentTasks } from "./present-tasks.js";
import { WatchStream } from "./stream.js";
import { StreamIndex } from "./stream-index.js";
import type { TaskNews } from "./task-news.js";
import { readCursor, type WatchCursor, writeCursor } from "./watch-cursor.js";
import { isWatched, mayHaveShown, shows, type WatchedTasks } from "./watched-tasks.js";

/**
 * Watches many tasks of one store at once. However many streams are open, one follower reads what
 * changed and tells all of them; without streams it does nothing. Dispose it before the store: streams
 * that are open then end with SHUTTING_DOWN.
 */
export class TasksWatcher implements Disposable {
  readonly #store: FollowedStore;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #streams = new StreamIndex();
  /** What is told of each task is work for the processor: many streams at once take turns. */
  readonly #turns = new SharedTurns();
  #follower: Follower | undefined;
  #isDisposed = false;

  /** @param onError is told why changes could not be read; they are read again. */
  constructor(store: FollowedStore, onError?: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /**
   * Yields the tasks that are there, the newest first, then what changes: of each task the newest state,
   * and once that it is gone when it leaves `watched` or is deleted. It ends only with its signal.
   *
   * @param cursor of the last news that was read: it goes on behind it, over restarts too. States that
   *   came shortly before the cursor may come again, none is left out.
   * @throws TaskError CURSOR_EXPIRED, SHUTTING_DOWN; the signal's reason.
   */
  async *watch(
    watched: WatchedTasks,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<TaskNews, void> {
    const { storeId } = this.#store;
    const from = cursor === undefined ? undefined : readCursor(storeId, cursor);
    const stream = this.#join(watched);
    try {
      // Asked for after joining: what changes from here on is told.
      let position = from?.position ?? (await this.#store.position());
      if (!from || from.presented)
        yield* this.#present(
          stream,
          { position, ...defined({ presented: from?.presented }) },
          signal,
        );
      if (from) position = yield* this.#catchUp(stream, position, signal);
      for (;;) {
        const news = await stream.next(signal);
        if (news) {
          ({ position } = readCursor(storeId, news.cursor));
          yield news;
        } else if (stream.takeOverrun()) position = yield* this.#catchUp(stream, position, signal);
      }
    } finally {
      this.#leave(stream);
    }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#follower?.[Symbol.dispose]();
    for (const stream of this.#streams) stream.end(shuttingDown());
  }

  #join(watched: WatchedTasks): WatchStream {
    if (this.#isDisposed) throw shuttingDown();
    const stream = new WatchStream(watched);
    this.#streams.add(stream);
    this.#follower ??= new Follower(this.#store, this.#streams, this.#onError);
    return stream;
  }

  #leave(stream: WatchStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#follower?.[Symbol.dispose]();
    this.#follower = undefined;
  }

  /** What is there. Only behind the last does the cursor say that all was told. */
  async *#present(
    stream: WatchStream,
    { position, presented }: WatchCursor,
    signal: AbortSignal,
  ): AsyncGenerator<TaskNews, void> {
    const newsOf = ([task, to]: PresentedTask, isLast: boolean): TaskNews => {
      const cursor = { position, ...(!isLast && { presented: to }) };
      return { followed: task, gone: false, cursor: writeCursor(this.#store.storeId, cursor) };
    };
    let last: PresentedTask | undefined;
    for await (const one of presentTasks(this.#store, stream.watched, presented)) {
      await this.#turns.next();
      signal.throwIfAborted();
      stream.toldOtherwise(one[0], true);
      if (last) yield newsOf(last, false);
      last = one;
    }
    if (last) yield newsOf(last, true);
  }

  /** What changed since a position, read from the store as fast as the reader takes it. @returns where it ended. */
  async *#catchUp(
    stream: WatchStream,
    position: string,
    signal: AbortSignal,
  ): AsyncGenerator<TaskNews, string> {
    const { watched } = stream;
    let reached = position;
    for await (const page of this.#store.changesAfter(position)) {
      for (const change of page) {
        await this.#turns.next();
        signal.throwIfAborted();
        const { followed, isNew } = change;
        reached = change.position;
        if (!isWatched(watched, followed)) continue;
        const gone = isDeleted(followed) || !shows(watched, followed.status);
        stream.toldOtherwise(followed, !gone);
        if (gone && (isNew || !mayHaveShown(watched, followed))) continue;
        const cursor = writeCursor(this.#store.storeId, { position: reached });
        yield { followed, gone, cursor };
      }
    }
    return reached;
  }
}

function shuttingDown(): TaskError {
  return new TaskError("SHUTTING_DOWN", "Cannot watch tasks: the service is shutting down");
}
