import type { RunLogEntry } from "../../src/cpu-server/run-log.js";
import type { TestCpuServer } from "../support/cpu-server.js";

/** One prompt as its server ran it; Unix times in milliseconds. */
export interface Run {
  readonly taskId: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The prompts that a server ran to an end, in their order, by its own log. */
export async function runsOf(server: TestCpuServer): Promise<readonly Run[]> {
  const started = new Map<string, RunLogEntry>();
  const runs: Run[] = [];
  for (const entry of await server.log()) {
    if (entry.event === "started") started.set(entry.promptId, entry);
    const start = started.get(entry.promptId);
    if (entry.event === "ended" && start !== undefined)
      runs.push({ taskId: entry.taskId ?? "", startedAt: start.at, endedAt: entry.at });
  }
  return runs;
}

/** For how much of the time from its first start to its last end a server ran a prompt. */
export function busyShare(runs: readonly Run[]): number {
  return busyMs(runs) / ((runs.at(-1)?.endedAt ?? 0) - (runs[0]?.startedAt ?? 0));
}

/** How long a server ran prompts in all. */
export function busyMs(runs: readonly Run[]): number {
  return runs.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0);
}

/** The pauses between one prompt's end and the next one's start. */
export function gapsMs(runs: readonly Run[]): readonly number[] {
  return runs.slice(1).map(({ startedAt }, index) => startedAt - (runs[index]?.endedAt ?? 0));
}
