import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { expectRunOnce, nothingLeft, storedOf } from "../support/films/film-runs.js";
import { makeFilm } from "../support/films/make-film.js";
import { readShown } from "../support/films/read-film-clip.js";
import { repeatFilm } from "../support/films/repeat-film.js";
import { fetchResult } from "../support/films/served-film.js";
import { serve } from "../support/pictures.js";
import { startService, type TestService } from "../support/service-process.js";
import { tempDir } from "../support/temp-dir.js";

vi.setConfig({ testTimeout: 900_000 });
const END_MS = 300_000;
const FAST = { simulate: { steps: 1, stepMs: 0 } };
const PACED = { simulate: { steps: 1, stepMs: 10 } };
const ROUND_FRAMES = 48;
const ROUNDS = 12;

/** A film of 576 frames that is quickly made. */
async function longFilm(): Promise<string> {
  const dir = await tempDir();
  const [short, long] = [join(dir, "short.mp4"), join(dir, "film.mp4")];
  await makeFilm(short, { frameCount: ROUND_FRAMES, size: { width: 64, height: 56 } });
  await repeatFilm(long, short, ROUNDS);
  return long;
}

/** @returns how many lines the service had logged until then. */
async function killed(service: TestService): Promise<number> {
  await service.kill();
  const since = service.lines.length;
  await service.start();
  return since;
}

test("the service is killed 20 times, in the cut, while chunks run and in the join: one film, each chunk run once", async () => {
  await using server = await startCpuServer({ switches: PACED });
  await using service = await startService([server.url], { TMLSR_CHUNK_FRAMES: "24" });
  const url = await serve(await readFile(await longFilm()), "film.mp4");
  const taskId = await service.submit({ url, workflow: "cpu_video_2x" });
  const pieces = async () =>
    (await storedOf(service.dataDir, taskId)).filter((name) => name.startsWith("piece-")).length;
  for (const count of [1, 4, 7, 10, 13, 16]) {
    await eventually(async () => (await pieces()) >= count, { intervalMs: 2 });
    await killed(service);
  }
  let since = 0;
  for (const count of [1, 3, 5, 8, 11, 14, 17, 20]) {
    await service.until(taskId, ({ chunks }) => chunks?.completed >= count, END_MS);
    since = await killed(service);
  }
  await server.set(FAST);
  for (let kill = 0; kill < 6; kill += 1) {
    await joinBegins(service, taskId, since);
    since = await killed(service);
  }
  const task = await service.ended(taskId, END_MS);
  const frames = await readShown(await fetchResult(task, service.url));
  expect(frames.map(({ number }) => number)).toEqual(
    Array.from({ length: ROUND_FRAMES * ROUNDS }, (_, at) => at % ROUND_FRAMES),
  );
  expect((await expectRunOnce([server], taskId)).chunkCount).toBe(task.chunks.total);
  await nothingLeft(service.dataDir, taskId);
});

/** Waits until a process has begun to join the film; it may have ended by then. */
async function joinBegins(service: TestService, taskId: string, since: number): Promise<void> {
  await eventually(
    async () => {
      const isLeased = service.lines
        .slice(since)
        .some(({ msg, taskId: id }) => msg === "task leased" && id === taskId);
      const { status, stages } = await service.task(taskId);
      return isLeased && (status === "completed" || stages[2]?.status === "running");
    },
    { limitMs: END_MS, intervalMs: 2 },
  );
}
