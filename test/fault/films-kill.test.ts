import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { expectExact, knowFilm } from "../support/films/expect-exact.js";
import { fadingWorkflows } from "../support/films/fading-workflows.js";
import { expectRunOnce, nothingLeft, storedOf } from "../support/films/film-runs.js";
import { readShown } from "../support/films/read-film-clip.js";
import {
  fetchResult,
  ROUND_FRAMES,
  serveFilm,
  serveLongFilm,
} from "../support/films/served-film.js";
import { startOrigin } from "../support/http-origin.js";
import { ossEnv, startOss } from "../support/oss-server-fixture.js";
import { startService, type TestService } from "../support/service-process.js";
import { tempDir } from "../support/temp-dir.js";

vi.setConfig({ testTimeout: 900_000 });
const END_MS = 300_000;
const FAST = { simulate: { steps: 1, stepMs: 0 } };
const PACED = { simulate: { steps: 1, stepMs: 10 } };
const WORKFLOW = "cpu_video_2x";
const ROUNDS = 12;

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
  const { url } = await serveLongFilm(ROUNDS);
  const taskId = await service.submit({ url, workflow: WORKFLOW });
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

test("the service is killed while it joins chunks that fade into each other: they are joined again, though the film is gone", async () => {
  await using server = await startCpuServer({ switches: { ...FAST, films: { as: "new" } } });
  const oss = await startOss();
  await using service = await startService([server.url], {
    ...{ TMLSR_CHUNK_FRAMES: "28", TMLSR_WORKFLOWS_DIR: await fadingWorkflows(WORKFLOW) },
    ...ossEnv(oss),
  });
  const keyPart = "result-000002";
  const asked = () => oss.seen("GetObject").some(({ key }) => key.includes(keyPart));
  // Two results are joined by then, and where they meet is encoded.
  oss.inject({ operation: "GetObject", keyPart, effect: { kind: "stall", afterBytes: 0 } });
  const { path } = await serveFilm();
  const content = await readFile(path);
  let isGone = false;
  const origin = await startOrigin((_request, response) => {
    response.writeHead(isGone ? 404 : 200).end(isGone ? "" : content);
  });
  const url = `${origin.url}/film.mp4`;
  const taskId = await service.submit({ url, workflow: WORKFLOW });
  await eventually(asked, { limitMs: END_MS });
  isGone = true;
  expect(await readdir(join(service.dataDir, "work", taskId))).toContain("joined.part");
  await killed(service);
  const task = await service.ended(taskId, END_MS);
  expect(task).toMatchObject({ status: "completed" });
  const result = join(await tempDir(), "result.mp4");
  await writeFile(result, await oss.read(`outputs/${taskId}/result.mp4`));
  await expectExact(result, await knowFilm(path));
  expect((await expectRunOnce([server], taskId)).chunkCount).toBe(task.chunks.total);
  await nothingLeft(service.dataDir, taskId);
  await eventually(() => ![...oss.objects.keys()].some((key) => key.startsWith("films/")));
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
