import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { expectRunOnce, nothingLeft } from "../../support/films/film-runs.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readTracks } from "../../support/films/read-film-clip.js";
import { expectSameFilm, fetchResult, serveFilm } from "../../support/films/served-film.js";
import { startOrigin } from "../../support/http-origin.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

// Films all the way, over a server that loses what ComfyUI loses: in chunks, and as one prompt.

vi.setConfig({ testTimeout: 180_000 });

const WORKFLOW = "cpu_video_2x";
const END_MS = 120_000;
const CHUNKS = { TMLSR_CHUNK_FRAMES: "24", TMLSR_CHECK_RESULTS: "true" };
const TWO_TRACKS = [{ codec: "aac" }, { codec: "aac", channels: 6 }] as const;
const FILMS: readonly (readonly [name: string, options: FilmOptions])[] = [
  ["film.mp4", {}],
  ["open-gop.mp4", { isOpenGop: true, gop: 20 }],
  ["ntsc.mp4", { rate: { num: 24_000, den: 1001 } }],
  [
    "phone.mov",
    {
      rotation: 90,
      rate: { num: 600, den: 1 },
      times: (index) => index * 25 + (index % 3),
      lastDuration: 25,
    },
  ],
  ["tracks.mkv", { sound: TWO_TRACKS, hasSubtitles: true }],
];

let server: TestCpuServer;
let app: TestApp;
let dataDir: string;

beforeAll(async () => {
  const simulate = { steps: 1, stepMs: 0 };
  server = await startCpuServer({ switches: { simulate, films: { as: "new" } } });
  dataDir = await mkdtemp(join(tmpdir(), "tmlsr-films-"));
  app = await startTestApp({ servers: [server.url], env: CHUNKS, dataDir });
}, 120_000);
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

describe.each([
  ["in chunks", "auto"],
  ["as one prompt", "off"],
])("a film that runs %s", (_how, chunking) => {
  test.each(FILMS)("comes out with its own frames, times and sound: %s", async (name, options) => {
    const film = await serveFilm(options, name);
    const taskId = await app.submit({ url: film.url, workflow: WORKFLOW, chunking });
    const task = await app.ended(taskId, END_MS);
    const path = await fetchResult(task, app.url);
    await expectSameFilm(path, film.path);
    if (chunking === "off") return;
    const { chunkCount } = await expectRunOnce([server], taskId);
    expect(chunkCount).toBeGreaterThan(3);
    await nothingLeft(app.dataDir, taskId);
  });
});

test("the source is gone when one prompt has ended: the server's file counts, and a note says so", async () => {
  const path = join(await tempDir(), "film.mp4");
  await makeFilm(path, { frameCount: 12, sound: [{ codec: "aac" }] });
  const content = await readFile(path);
  let isGone = false;
  const origin = await startOrigin((_request, response) => {
    response.writeHead(isGone ? 404 : 200);
    response.end(isGone ? "" : content);
  });
  await server.set({ simulate: { steps: 2_000, stepMs: 50 } });
  const taskId = await app.submit({ url: `${origin.url}/film.mp4`, workflow: WORKFLOW });
  const isRun = async () => (await server.log()).some((entry) => entry.taskId === taskId);
  await vi.waitUntil(isRun, { timeout: END_MS });
  isGone = true;
  await rm(join(app.dataDir, "work", taskId), { recursive: true });
  await server.set({ simulate: { steps: 1, stepMs: 0 } });
  const task = await app.ended(taskId, END_MS);
  expect(task).toMatchObject({ status: "completed" });
  expect(task.notes).toEqual([expect.stringContaining("INPUT_NOT_FOUND")]);
  expect((await readTracks(await fetchResult(task, app.url))).length).toBeGreaterThan(0);
});

test("10 bits are refused with the reason before a prompt is sent", async () => {
  const film = await serveFilm({ codec: "hevc", bitDepth: 10 }, "deep.mkv");
  const taskId = await app.submit({ url: film.url, workflow: WORKFLOW });
  const task = await app.ended(taskId, END_MS);
  expect(task).toMatchObject({ status: "failed", retries: 0 });
  expect(task.error).toContain("more than 8 bits are not kept");
  expect((await server.log()).some((entry) => entry.taskId?.startsWith(taskId))).toBe(false);
});
