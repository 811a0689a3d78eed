import type { Task } from "../../domain/task.js";
import type { WriteResult } from "../task-queue.js";

/** The answer to a write with this epoch: `ok` only for the holder of a task that still runs. */
export function checkFence(task: Task | undefined, epoch: number): WriteResult {
  if (task?.epoch !== epoch) return "lost";
  switch (task.status) {
    case "processing":
      return "ok";
    case "pending":
      return "lost";
    case "canceled":
      return "canceled";
    case "completed":
    case "failed":
      return "terminal";
  }
}
