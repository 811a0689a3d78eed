import type { RunLogEntry } from "../../src/cpu-server/run-log.js";

/** What the servers' logs show about a set of tasks. */
export interface Judgement {
  /** Tasks that no server ran successfully. */
  readonly neverRun: readonly string[];
  /**
   * Tasks that were run again although a server had run them successfully or was still running
   * them.
   */
  readonly runTwice: readonly string[];
  /**
   * The number of runs that ended because their server died. Running such a task again is correct.
   */
  readonly lostWithServerCount: number;
}

/**
 * Judges the logs of all servers. A run that began and never ended died with its server. It excuses
 * exactly one later run. So does a run that was stopped or failed. Nothing else excuses a further
 * run.
 */
export function judgeRuns(
  logs: readonly (readonly RunLogEntry[])[],
  taskIds: readonly string[],
): Judgement {
  const runs = logs.flatMap(runsOf);
  const byTask = new Map(taskIds.map((id) => [id, runs.filter((run) => run.taskId === id)]));
  const isGood = (run: Run): boolean => run.outcome === "success";
  return {
    neverRun: taskIds.filter((id) => !byTask.get(id)?.some(isGood)),
    runTwice: taskIds.filter((id) => overlapsOrFollowsGood(byTask.get(id) ?? [])),
    lostWithServerCount: runs.filter(({ outcome }) => outcome === undefined).length,
  };
}

interface Run {
  readonly taskId: string | null;
  readonly beganAt: number;
  readonly endedAt: number;
  /** Undefined: the run died with its server. */
  readonly outcome: RunLogEntry["outcome"];
}

/**
 * A server runs one prompt at a time. So a run that did not end before the next one began has never
 * ended.
 */
function runsOf(log: readonly RunLogEntry[]): Run[] {
  const starts = log.filter(({ event }) => event === "started");
  return starts.map(({ promptId, taskId, at }, index) => {
    const end = log.find((entry) => entry.event === "ended" && entry.promptId === promptId);
    const nextAt = starts[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    // If the time of the server's death is not known, it is assumed to have died at once.
    const endedAt = end?.at ?? Math.min(at, nextAt);
    return { taskId, beganAt: at, endedAt, outcome: end?.outcome };
  });
}

function overlapsOrFollowsGood(runs: readonly Run[]): boolean {
  return runs.some((run, index) =>
    runs.some(
      (other, otherIndex) =>
        index !== otherIndex &&
        other.beganAt >= run.beganAt &&
        (run.outcome === "success" || other.beganAt < run.endedAt),
    ),
  );
}
