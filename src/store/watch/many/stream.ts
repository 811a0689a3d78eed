import type { TaskStatus } from "../../../domain/task.js";
import { untilAborted } from "../../../lib/until-aborted.js";
import { withResolvers } from "../../../lib/with-resolvers.js";
import type { FollowedTask } from "../../task-following.js";
import type { SharedChange, TaskNews } from "./task-news.js";
import { isWatched, shows, type WatchedTasks } from "./watched-tasks.js";

/** How many changes at most wait for one reader; beyond that it reads them from the store itself. */
const MAX_WAITING_COUNT = 1_000;

interface Waiting {
  readonly change: SharedChange;
  /** Whether the stream had shown the task when it was told last. */
  readonly wasShown: boolean;
}

/** One open stream: what was told since it read last, the newest of each task. */
export class WatchStream {
  readonly watched: WatchedTasks;
  /** In the order of their last change. */
  readonly #waiting = new Map<string, Waiting>();
  #isOverrun = false;
  #endedBy: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(watched: WatchedTasks) {
    this.watched = watched;
  }

  /** Its reader was too slow to be kept what it missed. Asking forgets it. */
  takeOverrun(): boolean {
    const wasOverrun = this.#isOverrun;
    this.#isOverrun = false;
    return wasOverrun;
  }

  tell(change: SharedChange): void {
    const { taskId } = change.followed;
    if (this.#isOverrun || !isWatched(this.watched, change.followed)) return;
    const earlier = this.#waiting.get(taskId);
    const wasShown = earlier?.wasShown ?? this.#showed(change.before);
    this.#waiting.delete(taskId);
    if (!wasShown && !this.#shows(change.status)) return;
    this.#waiting.set(taskId, { change, wasShown });
    if (this.#waiting.size > MAX_WAITING_COUNT) {
      this.#waiting.clear();
      this.#isOverrun = true;
    }
    this.#wake?.();
  }

  /** The reader is told this of a task otherwise: what waits and is no newer is left out. */
  toldOtherwise(followed: FollowedTask, isShown: boolean): void {
    const waiting = this.#waiting.get(followed.taskId);
    if (!waiting) return;
    const { change } = waiting;
    const isNewer =
      "rev" in followed && (!("rev" in change.followed) || change.followed.rev > followed.rev);
    if (isNewer) this.#waiting.set(followed.taskId, { change, wasShown: isShown });
    else this.#waiting.delete(followed.taskId);
  }

  end(error: Error): void {
    this.#endedBy = error;
    this.#wake?.();
  }

  /** @returns undefined where the reader was overrun. @throws the signal's reason, or what ended it. */
  async next(signal: AbortSignal): Promise<TaskNews | undefined> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#endedBy) throw this.#endedBy;
      if (this.#isOverrun) return undefined;
      const [first] = this.#waiting;
      if (first) {
        const [taskId, { change }] = first;
        this.#waiting.delete(taskId);
        return change.news(!this.#shows(change.status));
      }
      const woken = withResolvers<void>();
      this.#wake = woken.resolve;
      await untilAborted(woken.promise, signal);
    }
  }

  #shows(status: TaskStatus | undefined): boolean {
    return status !== undefined && shows(this.watched, status);
  }

  #showed(before: SharedChange["before"]): boolean {
    if (before !== "unknown") return this.#shows(before);
    return this.#shows("pending") || this.#shows("processing");
  }
}
