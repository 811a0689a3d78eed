import { EventEmitter, once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { expectRunOnce, nothingLeft, storedOf } from "../support/films/film-runs.js";
import {
  expectSameFilm,
  fetchResult,
  serveFilm,
  serveLongFilm,
} from "../support/films/served-film.js";
import { startOrigin } from "../support/http-origin.js";
import { ossEnv, startOss } from "../support/oss-server-fixture.js";
import { aPicture, serve } from "../support/pictures.js";
import { startService, type TestService } from "../support/service-process.js";

// Films of several chunks while something dies or is away.

vi.setConfig({ testTimeout: 240_000 });
const END_MS = 180_000;
const WORKFLOW = "cpu_video_2x";
const FAST = { simulate: { steps: 1, stepMs: 0 } };
/** A chunk of 24 frames takes half a second. */
const PACED = { simulate: { steps: 2, stepMs: 10 } };
const STOPPED = { simulate: { steps: 2_000, stepMs: 50 } };
const GIB = 2 ** 30;
const CHUNKS = { TMLSR_CHUNK_FRAMES: "24" };

const hasRun = (service: TestService, taskId: string, count: number) =>
  service.until(taskId, ({ chunks }) => chunks?.completed >= count, END_MS);

test("a server is killed in mid-chunk: one film, each other chunk run once", async () => {
  await using first = await startCpuServer({ switches: PACED });
  await using second = await startCpuServer({ switches: PACED });
  const env = { ...CHUNKS, TMLSR_SERVER_LOST_MS: "2000" };
  await using service = await startService([first.url, second.url], env);
  const film = await serveFilm();
  const taskId = await service.submit({ url: film.url, workflow: WORKFLOW });
  await first.set(STOPPED);
  await eventually(async () => (await first.log()).some(({ event }) => event === "started"));
  await first.kill();
  const task = await service.ended(taskId, END_MS);
  await expectSameFilm(await fetchResult(task, service.url), film.path);
  const { lostCount } = await expectRunOnce([first, second], taskId);
  expect(lostCount).toBeLessThanOrEqual(2);
  await nothingLeft(service.dataDir, taskId);
});

test("the storage is away while a film is cut, computed and joined: one film, each chunk run once", async () => {
  await using server = await startCpuServer({ switches: PACED });
  const oss = await startOss();
  await using service = await startService([server.url], { ...CHUNKS, ...ossEnv(oss) });
  const film = await serveFilm();
  const keys = (taskId: string) => [...oss.objects.keys()].filter((key) => key.includes(taskId));
  const taskId = await service.submit({ url: film.url, workflow: WORKFLOW });
  await eventually(() => keys(taskId).length > 0);
  await away(oss);
  await hasRun(service, taskId, 2);
  await away(oss);
  await hasRun(service, taskId, 3);
  await away(oss);
  const task = await service.ended(taskId, END_MS);
  expect(task).toMatchObject({ status: "completed", error: null });
  await expectRunOnce([server], taskId);
  // What shows it stays: its picture for as long as the task, its preview for an hour.
  const stays = /^(?:outputs|pictures|previews)\//;
  await eventually(() => keys(taskId).every((key) => stays.test(key)));
});

/** Down for as long as two requests of the service take to be refused. */
async function away(oss: Awaited<ReturnType<typeof startOss>>): Promise<void> {
  await oss.goDown();
  await sleep(3_000);
  await oss.comeBack();
}

test.each([
  ["is being cut", 0],
  ["is computed", 1],
])("a film is canceled while it %s: its chunks stop, nothing is left", async (_when, count) => {
  await using server = await startCpuServer({ switches: count === 0 ? STOPPED : PACED });
  await using service = await startService([server.url], CHUNKS);
  const film = count === 0 ? await serveLongFilm(20) : await serveFilm();
  const taskId = await service.submit({ url: film.url, workflow: WORKFLOW });
  if (count === 0)
    await eventually(async () => (await storedOf(service.dataDir, taskId)).length > 0);
  else await hasRun(service, taskId, count);
  await service.rest("DELETE", `/tasks/${taskId}`);
  expect(await service.ended(taskId)).toMatchObject({ status: "canceled" });
  await nothingLeft(service.dataDir, taskId);
  const ended = (await server.log()).filter(({ event }) => event === "ended").length;
  await server.set(FAST);
  const { url } = await serveFilm({ frameCount: 48 });
  const next = await service.submit({ url, workflow: WORKFLOW });
  expect(await service.ended(next, END_MS)).toMatchObject({ status: "completed" });
  const after = await server.log();
  const canceled = after.filter(({ taskId: id }) => id?.startsWith(taskId));
  expect(canceled.filter(({ event }) => event === "ended").length).toBeLessThanOrEqual(ended + 1);
});

test("a chunk fails for good: the film fails, naming frames and time, and nothing is left", async () => {
  const fault = { classType: "ImageUpscaleWithModel", fault: "fail", afterMs: 0 } as const;
  const error = { exceptionType: "ValueError", message: "the picture is of no use" };
  await using server = await startCpuServer({ switches: PACED });
  await using service = await startService([server.url], CHUNKS);
  const film = await serveFilm();
  const taskId = await service.submit({ url: film.url, workflow: WORKFLOW });
  await hasRun(service, taskId, 1);
  await server.set({ nodes: [{ ...fault, ...error }] });
  const task = await service.ended(taskId, END_MS);
  expect(task.status).toBe("failed");
  expect(task.error).toMatch(/frames \d+ to \d+, \d+\.\d+ s to \d+\.\d+ s/);
  await nothingLeft(service.dataDir, taskId);
});

test("a chunk runs out of memory whatever is tried: it is split in two, and the film is the same", async () => {
  const memory = { deviceBytes: 8 * GIB, machineBytes: 64 * GIB };
  const fault = { classType: "ImageUpscaleWithModel", fault: "fail", count: 2 } as const;
  const error = { exceptionType: "torch.OutOfMemoryError", message: "Allocation on device" };
  await using server = await startCpuServer({
    switches: { ...FAST, memory, nodes: [{ ...fault, ...error }] },
  });
  await using service = await startService([server.url], CHUNKS);
  const film = await serveFilm({ frameCount: 48 });
  const taskId = await service.submit({ url: film.url, workflow: WORKFLOW });
  const task = await service.ended(taskId, END_MS);
  await expectSameFilm(await fetchResult(task, service.url), film.path);
  const { body } = await service.rest("GET", `/tasks/${taskId}/chunks`);
  const frames = body.chunks.map(({ frames: count }: { frames: number }) => count);
  expect(frames.sort()).toEqual([12, 12, 24]);
  expect(task.chunks).toMatchObject({ total: 3, completed: 3, failed: 0 });
  await nothingLeft(service.dataDir, taskId);
});

test("the work directories are full: nothing is cut ahead until there is room", async () => {
  await using server = await startCpuServer({ switches: STOPPED });
  await using service = await startService([server.url], { ...CHUNKS, TMLSR_WORK_MAX_MB: "1" });
  const url = await serve(await aPicture());
  const picture = await service.submit({ url, type: "image", workflow: "cpu_image_2x" });
  await eventually(async () => (await server.log()).some(({ event }) => event === "started"));
  const content = await readFile((await serveFilm()).path);
  const gate = new EventEmitter();
  const asked = once(gate, "asked");
  const origin = await startOrigin((_request, response) => {
    gate.once("open", () => response.end(content));
    gate.emit("asked");
  });
  const taskId = await service.submit({ url: `${origin.url}/film.mp4`, workflow: WORKFLOW });
  await asked;
  const ballast = join(service.dataDir, "work", picture, "ballast");
  await writeFile(ballast, Buffer.alloc(2_000_000));
  gate.emit("open");
  await service.until(taskId, ({ chunks }) => chunks !== null);
  for (let look = 0; look < 20; look += 1)
    expect((await service.task(taskId)).chunks).toMatchObject({ total: 0 });
  await rm(ballast);
  await hasPieces(service, taskId, 4);
});

const hasPieces = (service: TestService, taskId: string, count: number) =>
  service.until(taskId, ({ chunks }) => chunks?.total === count, END_MS);
