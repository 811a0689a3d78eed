import { STAGE_NAMES, type StageName } from "./task.js";

/** The share of each stage in a task's progress. The shares add up to 100. */
const STAGE_WEIGHTS: Readonly<Record<StageName, number>> = { download: 5, process: 85, upload: 10 };

/**
 * The progress of a whole task, 0 to 100 with one decimal, from the progress of its current stage.
 */
export function overallProgress(stage: StageName, stageRatio: number): number {
  const before = STAGE_NAMES.slice(0, STAGE_NAMES.indexOf(stage));
  const done = before.reduce((sum, name) => sum + STAGE_WEIGHTS[name], 0);
  const ratio = Math.min(1, Math.max(0, stageRatio));
  return Math.round((done + STAGE_WEIGHTS[stage] * ratio) * 10) / 10;
}
