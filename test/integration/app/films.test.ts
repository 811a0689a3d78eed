import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { expectRunOnce, nothingLeft } from "../../support/films/film-runs.js";
import { expectSameFilm, fetchResult, serveFilm } from "../../support/films/served-film.js";
import { startTestApp } from "../../support/test-app.js";

// Films all the way: cut, computed in chunks, joined.

const FAST = { simulate: { steps: 1, stepMs: 0 } };
const WORKFLOW = "cpu_video_2x";

test("a film runs as several chunks, and comes out with its own frames, times and sound", async () => {
  await using server = await startCpuServer({ switches: FAST });
  const env = { TMLSR_CHUNK_FRAMES: "24" };
  await using app = await startTestApp({ servers: [server.url], env });
  const film = await serveFilm();
  const taskId = await app.submit({ url: film.url, workflow: WORKFLOW });
  const task = await app.ended(taskId);
  await expectSameFilm(await fetchResult(task, app.url), film.path);
  const { chunkCount } = await expectRunOnce([server], taskId);
  expect(chunkCount).toBeGreaterThan(3);
  await nothingLeft(app.dataDir, taskId);
});

test("the same film runs as one prompt, and comes out the same", async () => {
  await using server = await startCpuServer({ switches: FAST });
  const env = { TMLSR_CHUNK_FRAMES: "24" };
  await using app = await startTestApp({ servers: [server.url], env });
  const film = await serveFilm();
  const request = { url: film.url, workflow: WORKFLOW, chunking: "off" };
  const task = await app.ended(await app.submit(request));
  expect(task.notes).toEqual([]);
  await expectSameFilm(await fetchResult(task, app.url), film.path);
});
