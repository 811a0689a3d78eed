import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { TestCpuServer } from "../cpu-server.js";
import { eventually } from "../eventually.js";
import { judgeRuns } from "../judge-runs.js";

/**
 * Expects that servers ran each chunk of a film once, but for runs that a server itself lost.
 *
 * @returns how many runs were lost with their server.
 */
export async function expectRunOnce(
  servers: readonly TestCpuServer[],
  film: string,
): Promise<{ readonly chunkCount: number; readonly lostCount: number }> {
  const logs = await Promise.all(servers.map((server) => server.log()));
  const ids = new Set(logs.flat().flatMap(({ taskId }) => taskId ?? []));
  const chunks = [...ids].filter((id) => id.startsWith(`${film}-`));
  const { neverRun, runTwice, lostWithServerCount } = judgeRuns(logs, chunks);
  expect({ neverRun, runTwice }).toEqual({ neverRun: [], runTwice: [] });
  return { chunkCount: chunks.length, lostCount: lostWithServerCount };
}

/** Waits until nothing of a film's pieces and results is left, nor of its scratch files. */
export async function nothingLeft(dataDir: string, film: string): Promise<void> {
  let left: readonly string[] = [];
  const isGone = async (): Promise<boolean> => {
    const all = await readdir(dataDir, { recursive: true });
    left = all.filter((path) => /^(films|work)\b/.test(path) && path.includes(film));
    return left.length === 0;
  };
  await eventually(isGone).catch((cause: unknown) => {
    throw new Error(`Still there: ${left.join(", ")}`, { cause });
  });
}

/** The objects of a film that are stored now. */
export async function storedOf(dataDir: string, film: string): Promise<readonly string[]> {
  return await readdir(join(dataDir, "films", film)).catch(() => []);
}
