import type { Stage, StageName, StageStatus, Task } from "../../domain/task.js";
import type { ProgressReport } from "../task-queue.js";
import { without } from "./without.js";

/**
 * A task with fields of one stage changed. A stage that is not running begins anew when its status
 * becomes `running`.
 */
export function changeStage(
  task: Task,
  name: StageName,
  patch: Partial<Stage>,
  progress?: number,
): Task {
  const current = task.stages[name];
  const begins = !current || (current.status !== "running" && patch.status === "running");
  const base: Stage = begins
    ? { status: "running", progress: 0, durationMs: 0, detail: "" }
    : current;
  const stage = { ...base, ...patch, progress: forward(base.progress, patch.progress) };
  const nodeStops = name === "process" && (begins || stage.status !== "running");
  return {
    ...(nodeStops ? without(task, "runningNode") : task),
    stages: { ...task.stages, [name]: stage },
    // A stage has succeeded: what brought holders down before is over.
    takeovers: stage.status === "success" && base.status !== "success" ? 0 : task.takeovers,
    progress: forward(task.progress, progress),
  };
}

/**
 * A task with its holder's report applied. A late report about a stage that has ended does not
 * change that stage.
 */
export function applyReport(task: Task, report: ProgressReport): Task {
  const { stage, runningNode } = report;
  const status = stage && task.stages[stage.name]?.status;
  const isOfUse = stage && (status === undefined || status === "running");
  const reported = isOfUse ? changeStage(task, stage.name, patchOf(stage)) : task;
  return {
    ...reported,
    progress: forward(reported.progress, report.progress),
    ...(runningNode !== undefined && { runningNode }),
  };
}

/** The stages with the running one, if any, ended. */
export function endRunningStage(stages: Task["stages"], status: StageStatus): Task["stages"] {
  const entries = Object.entries(stages).map(([name, stage]) => {
    if (stage.status !== "running") return [name, stage] as const;
    const progress = status === "success" ? 100 : stage.progress;
    return [name, { ...stage, status, progress }] as const;
  });
  return Object.fromEntries(entries);
}

function patchOf({ progress, detail }: NonNullable<ProgressReport["stage"]>): Partial<Stage> {
  return { progress, ...(detail !== undefined && { detail }) };
}

/** Progress never falls, and stays within 0 to 100 whatever a server reports. */
function forward(from: number, to: number | undefined): number {
  return to === undefined || Number.isNaN(to) ? from : Math.min(100, Math.max(from, to));
}
