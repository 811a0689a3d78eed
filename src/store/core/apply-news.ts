import type { Task } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { TaskNews } from "../task-queue.js";
import { addNotes } from "./task-changes.js";
import { changeStage } from "./task-progress.js";
import { without } from "./without.js";

/** A task with what its holder has found out. */
export function applyNews(task: Task, news: TaskNews | undefined): Task {
  if (news === undefined) return task;
  const { stages, input, notes, freesSlot } = news;
  const held = freesSlot ? without(task, "slot") : task;
  const noted = notes.length > 0 ? addNotes(held, notes) : held;
  return stages.reduce(
    (changed, { name, patch, progress }) => changeStage(changed, name, patch, progress),
    { ...noted, ...defined({ input }) },
  );
}
