import type {
  Dispatch,
  InputFacts,
  Json,
  MemoryFailure,
  Stage,
  StageName,
} from "../../domain/task.js";
import type { CancelResult, TaskIntake } from "../task-intake.js";
import type { Fence, Outcome, TaskQueue, WriteResult } from "../task-queue.js";
import { byHolder, type Decide, decideCancel, decideCleanup } from "./decisions.js";
import { addMemoryFailure, addNotes, holdSlot, setDispatch, settleTask } from "./task-changes.js";
import { changeStage } from "./task-progress.js";
import { without } from "./without.js";

/** Thrown by {@link TaskWrites.change} when another task holds the slot that this one was to get. */
export class SlotTaken extends Error {
  override readonly name = "SlotTaken";
}

/** The methods of a store that change one task. */
type OneTask = Pick<TaskIntake, "cancel"> &
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
  >;

/** The methods that change one task. Their decisions are the same for every kind of store. */
export abstract class TaskWrites implements OneTask {
  /**
   * Reads a task, decides and stores what it becomes, in one atomic step.
   *
   * @throws SlotTaken if it would get a slot that another task holds; nothing is then changed.
   */
  protected abstract change<Answer>(taskId: string, decide: Decide<Answer>): Promise<Answer>;

  async cancel(taskId: string): Promise<CancelResult> {
    return await this.change(taskId, decideCancel);
  }

  async bindSlot(fence: Fence, slot: string): Promise<WriteResult | "busy"> {
    try {
      return await this.#changeHeld(fence, (task) => holdSlot(task, slot));
    } catch (error) {
      if (error instanceof SlotTaken) return "busy";
      throw error;
    }
  }

  async releaseSlot(fence: Fence): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task) => without(task, "slot"));
  }

  async recordDispatch(fence: Fence, dispatch: Omit<Dispatch, "at">): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task, now) => setDispatch(task, dispatch, now));
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

  async settle(fence: Fence, outcome: Outcome): Promise<WriteResult> {
    return await this.#changeHeld(fence, (task, now) => settleTask(task, outcome, now));
  }

  async finishCleanup(fence: Fence): Promise<WriteResult> {
    return await this.change(fence.taskId, decideCleanup(fence));
  }

  async #changeHeld(fence: Fence, change: Parameters<typeof byHolder>[1]): Promise<WriteResult> {
    return await this.change(fence.taskId, byHolder(fence, change));
  }
}
