import { overallProgress } from "../../domain/overall-progress.js";
import { defined } from "../../lib/defined.js";
import type { StageProgress } from "../../pipeline/task-journal.js";
import type { Fence, ProgressReport } from "../../store/task-queue.js";

/** What a heartbeat tells of how far a stage is. */
export function reportOf(
  fence: Fence,
  { stage: name, ratio, detail, runningNode }: StageProgress,
): ProgressReport {
  const progress = Math.round(Math.min(1, Math.max(0, ratio)) * 1000) / 10;
  return {
    ...fence,
    stage: { name, progress, ...defined({ detail }) },
    progress: overallProgress(name, ratio),
    ...defined({ runningNode }),
  };
}
