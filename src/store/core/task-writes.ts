import { setImmediate } from "node:timers/promises";
import type { Chunk } from "../../domain/film.js";
import type {
  Dispatch,
  InputFacts,
  Json,
  MemoryFailure,
  Stage,
  StageName,
} from "../../domain/task.js";
import { isTerminal, type Task } from "../../domain/task.js";
import type { FilmQueue, NewChunk } from "../film-queue.js";
import type { CancelResult, TaskIntake } from "../task-intake.js";
import type {
  AskForLease,
  Fence,
  Outcome,
  TaskNews,
  TaskQueue,
  WriteResult,
} from "../task-queue.js";
import { applyNews } from "./apply-news.js";
import { byHolder, type Decide, decideCancel, decideCleanup, decideSettle } from "./decisions.js";
import { decideGrowth, decideSplit } from "./film-decisions.js";
import { addMemoryFailure, addNotes, holdSlot, leaveUnused, setDispatch } from "./task-changes.js";
import { TASK_ID } from "./task-ids.js";
import { changeStage } from "./task-progress.js";
import { without } from "./without.js";

/** Thrown by {@link TaskWrites.change} when another task holds the slot that this one was to get. */
export class SlotTaken extends Error {
  override readonly name = "SlotTaken";
}

/** The methods of a store that change one task, and with it its film. */
type OneTask = Pick<TaskIntake, "cancel"> &
  Pick<FilmQueue, "addChunks" | "splitChunk" | "endChunks"> &
  Pick<
    TaskQueue,
    | "bindSlot"
    | "releaseSlot"
    | "recordDispatch"
    | "recordMemoryFailure"
    | "updateStage"
    | "recordInput"
    | "recordNotes"
    | "recordUpload"
    | "settle"
    | "finishCleanup"
    | "leaseNew"
  >;

/** The methods that change one task. Their decisions are the same for every kind of store. */
export abstract class TaskWrites implements OneTask {
  /**
   * Reads a task or chunk, decides and stores what it becomes, and what its film becomes by that, in
   * one atomic step.
   *
   * @throws SlotTaken if it would get a slot that another task holds; nothing is then changed.
   */
  protected abstract change<Answer>(taskId: string, decide: Decide<Answer>): Promise<Answer>;

  abstract getUnit(taskId: string): Promise<Task | undefined>;

  leaseNew(_ask: AskForLease): () => void {
    return () => undefined;
  }

  /** Ids of up to `limit` chunks of a film that have not ended. */
  protected abstract unfinishedChunks(filmId: string, limit: number): Promise<readonly string[]>;

  /** How many chunks of a film have not ended or wait for their cleanup; more than `limit` need not be counted. */
  protected abstract countOpenChunks(filmId: string, limit: number): Promise<number>;

  /** A chunk's id is no client's: it is not found. */
  async get(taskId: string): Promise<Task | undefined> {
    return TASK_ID.test(taskId) ? await this.getUnit(taskId) : undefined;
  }

  /** As with {@link get}, a chunk is not found. */
  async cancel(taskId: string): Promise<CancelResult> {
    return TASK_ID.test(taskId) ? await this.change(taskId, decideCancel) : "not_found";
  }

  async addChunks(
    fence: Fence,
    chunks: readonly NewChunk[],
    frameCount: number,
  ): Promise<WriteResult> {
    return await this.change(fence.taskId, decideGrowth(fence, chunks, frameCount));
  }

  async splitChunk(fence: Fence, first: Chunk, second: Omit<Chunk, "index">): Promise<WriteResult> {
    return await this.change(fence.taskId, decideSplit(fence, [first, second]));
  }

  async endChunks(filmId: string, limit: number): Promise<number> {
    const film = await this.getUnit(filmId);
    const isEnded = film !== undefined && isTerminal(film.status);
    for (const chunkId of isEnded ? await this.unfinishedChunks(filmId, limit) : []) {
      await this.change(chunkId, decideCancel);
      // An embedded store answers without the event loop.
      await setImmediate();
    }
    return await this.countOpenChunks(filmId, limit);
  }

  async bindSlot(
    fence: Fence,
    slot: string,
    news?: TaskNews,
    intent?: Omit<Dispatch, "at">,
  ): Promise<WriteResult | "busy"> {
    try {
      return await this.#changeHeld(fence, (task, now) => {
        const held = holdSlot(applyNews(task, news), slot);
        return intent ? setDispatch(held, intent, now) : held;
      });
    } catch (error) {
      if (error instanceof SlotTaken) return "busy";
      throw error;
    }
  }

  async releaseSlot(fence: Fence, prompt?: "unsent"): Promise<WriteResult> {
    const leave = prompt === "unsent" ? leaveUnused : (task: Task) => without(task, "slot");
    return await this.#changeHeld(fence, leave);
  }

  async recordDispatch(
    fence: Fence,
    dispatch: Omit<Dispatch, "at">,
    news?: TaskNews,
  ): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task, now) =>
      setDispatch(applyNews(task, news), dispatch, now),
    );
  }

  async recordMemoryFailure(fence: Fence, failure: MemoryFailure): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => addMemoryFailure(task, failure));
  }

  async updateStage(
    fence: Fence,
    name: StageName,
    patch: Partial<Stage>,
    progress?: number,
  ): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => changeStage(task, name, patch, progress));
  }

  async recordInput(fence: Fence, input: InputFacts): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => ({ ...task, input }));
  }

  async recordNotes(fence: Fence, notes: readonly string[]): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => addNotes(task, notes));
  }

  async recordUpload(fence: Fence, checkpoint: Json): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => ({ ...task, uploadCheckpoint: checkpoint }));
  }

  async settle(fence: Fence, outcome: Outcome, news?: TaskNews): Promise<WriteResult> {
    return await this.change(fence.taskId, decideSettle(fence, outcome, news));
  }

  async finishCleanup(fence: Fence): Promise<WriteResult> {
    return await this.change(fence.taskId, decideCleanup(fence));
  }

  async #changeHeld(fence: Fence, change: Parameters<typeof byHolder>[1]): Promise<WriteResult> {
    return await this.change(fence.taskId, byHolder(fence, change));
  }
}
