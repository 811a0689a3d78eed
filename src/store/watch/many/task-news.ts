import type { TaskStatus } from "../../../domain/task.js";
import { type FollowedTask, isDeleted } from "../../task-following.js";

/** What a stream of many tasks tells: one object for all streams that tell the same. */
export interface TaskNews {
  readonly followed: FollowedTask;
  /** It is not, or no longer, among the stream's tasks. */
  readonly gone: boolean;
  /** Send it back to go on behind this. */
  readonly cursor: string;
}

/** The status of a task before a change. */
export type Before = TaskStatus | "unknown" | undefined;

/** A change as all streams share it. */
export class SharedChange {
  readonly followed: FollowedTask;
  /** What it was before: undefined for one that was not there; unknown for one that had not ended. */
  readonly before: Before;
  readonly cursor: string;
  #shown: TaskNews | undefined;
  #gone: TaskNews | undefined;

  constructor(followed: FollowedTask, before: Before, cursor: string) {
    this.followed = followed;
    this.before = before;
    this.cursor = cursor;
  }

  /** Undefined once it was deleted. */
  get status(): TaskStatus | undefined {
    return isDeleted(this.followed) ? undefined : this.followed.status;
  }

  news(gone: boolean): TaskNews {
    const { followed, cursor } = this;
    const news = (gone ? this.#gone : this.#shown) ?? { followed, gone, cursor };
    if (gone) this.#gone = news;
    else this.#shown = news;
    return news;
  }
}
