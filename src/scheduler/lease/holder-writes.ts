import { isDeepStrictEqual } from "node:util";
import type { InputFacts, Stage, StageName } from "../../domain/task.js";
import type { FilmQueue } from "../../store/film-queue.js";
import type { Fence, TaskNews, TaskQueue, WriteResult } from "../../store/task-queue.js";
import { NotedNews, writeNews } from "./noted-news.js";
import { persist } from "./persist.js";
import type { LetGoReason } from "./task-let-go.js";

/** The part of the store that holders write to. */
export type HolderStore = TaskQueue & FilmQueue;

/** Whose writes they are. */
export interface Writer {
  readonly fence: Fence;
  /** Aborted when the task is held no longer. */
  readonly signal: AbortSignal;
  end(reason: LetGoReason): void;
}

type WriteWithNews<Answer> = (store: HolderStore, news?: TaskNews) => Promise<Answer>;

/**
 * The writes of one holder, with its fence. What nobody waits for is noted, and goes along with the next
 * write that can take it; before any other it is written. A write that is refused ends the holding.
 */
export class HolderWrites {
  readonly #store: HolderStore;
  readonly #writer: Writer;
  readonly #news = new NotedNews();
  /** The last news of a stage, written or not. */
  #stage: object | undefined;
  #flushing: Promise<void> | undefined;
  /** Whether there was news already when it was asked last. */
  #isOld = false;

  constructor(store: HolderStore, writer: Writer) {
    this.#store = store;
    this.#writer = writer;
  }

  noteStage(name: StageName, patch: Partial<Stage>): void {
    if (isDeepStrictEqual(this.#stage, { name, patch })) return;
    this.#stage = { name, patch };
    this.#news.noteStage(name, patch);
  }

  noteInput(input: InputFacts): void {
    this.#news.noteInput(input);
  }

  addNotes(notes: readonly string[]): void {
    this.#news.addNotes(notes);
  }

  /**
   * Writes what was noted before the last call already: what came since may go along with a write that
   * somebody waits for. @throws TaskLetGo where the task is held no longer
   */
  async flushOld(): Promise<void> {
    const isOld = this.#isOld && !this.#news.isEmpty;
    this.#isOld = !isOld && !this.#news.isEmpty;
    if (isOld) await this.flush();
  }

  /** Writes at once what was noted. @throws TaskLetGo where the task is held no longer */
  async flush(): Promise<void> {
    await this.#flushing;
    if (this.#news.isEmpty) return;
    const { fence } = this.#writer;
    const flushing = this.writeWithNews((store, news) => writeNews(store, fence, news));
    this.#flushing = flushing.catch(() => undefined);
    await flushing;
  }

  /** @throws TaskLetGo where the task is held no longer */
  async write(write: (store: HolderStore) => Promise<WriteResult>): Promise<void> {
    const { signal } = this.#writer;
    await this.flush();
    signal.throwIfAborted();
    this.letGoUnlessOk(await persist(() => write(this.#store), signal));
  }

  /** @throws TaskLetGo where the task is held no longer */
  async writeWithNews(write: WriteWithNews<WriteResult>): Promise<void> {
    const { signal } = this.#writer;
    signal.throwIfAborted();
    this.letGoUnlessOk(await this.giveNews(write, signal));
  }

  /** Like {@link writeWithNews}, but a refusal is only answered. */
  async giveNews<Answer extends string>(
    write: WriteWithNews<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    await this.#flushing;
    return await this.#news.giveTo((news) => persist(() => write(this.#store, news), signal));
  }

  /** @throws TaskLetGo for a write that was refused */
  letGoUnlessOk(result: WriteResult): void {
    if (result === "ok") return;
    this.#writer.end(result);
    this.#writer.signal.throwIfAborted();
  }
}
