import type { RunLogEntry } from "../../src/cpu-server/run-log.js";

/** What the servers' own logs say of a set of tasks. */
export interface Judgement {
  /** Tasks that no server ran to a good end. */
  readonly neverRun: readonly string[];
  /** Tasks that were run once more although a server had run them to a good end, or was still running them. */
  readonly runTwice: readonly string[];
  /** Runs that ended with their server, which had lost the prompt: what is run again after that is no waste of ours. */
  readonly lostWithServerCount: number;
}

/**
 * Judges by the logs of all servers. A run that began and never ended went down with its server; it
 * excuses exactly one more, begun later. So does a run that was stopped or failed. Nothing else does.
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
  /** Undefined: it went down with its server. */
  readonly outcome: RunLogEntry["outcome"];
}

/** One server runs one prompt at a time, so that what did not end before the next began never did. */
function runsOf(log: readonly RunLogEntry[]): Run[] {
  const starts = log.filter(({ event }) => event === "started");
  return starts.map(({ promptId, taskId, at }, index) => {
    const end = log.find((entry) => entry.event === "ended" && entry.promptId === promptId);
    const nextAt = starts[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    // Where it is not known when the server died, it is taken to have died at once.
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
