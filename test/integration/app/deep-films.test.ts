import { expect, test, vi } from "vitest";
import { readFilm } from "../../../src/film/read/read-film.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { expectSameFilm, fetchResult, serveFilm } from "../../support/films/served-film.js";
import { startTestApp } from "../../support/test-app.js";

// Films of 10 bits and of a high dynamic range over a stand-in of the ComfyUI that keeps both, beside one that does not.

vi.setConfig({ testTimeout: 240_000 });

const WORKFLOW = "cpu_video_2x";
const END_MS = 200_000;
const PQ = { primaries: 9, transfer: 16, matrix: 9, isFullRange: false };

test.each([
  ["in chunks", "auto"],
  ["as one prompt", "off"],
])("10 bits of a high dynamic range come back as they were, %s", async (_how, chunking) => {
  const simulate = { steps: 2, stepMs: 0 };
  await using shallow = await startCpuServer({ switches: { simulate, films: { as: "new" } } });
  await using deep = await startCpuServer({ switches: { simulate, films: { as: "deep" } } });
  const env = { TMLSR_CHUNK_FRAMES: "24", TMLSR_CHECK_RESULTS: "true" };
  await using app = await startTestApp({ servers: [shallow.url, deep.url], env });
  const film = await serveFilm({ codec: "hevc", bitDepth: 10, isHdr: true, frameCount: 48 });
  const taskId = await app.submit({ url: film.url, workflow: WORKFLOW, chunking });
  const task = await app.ended(taskId, END_MS);
  const path = await fetchResult(task, app.url);
  await expectSameFilm(path, film.path);
  const { signal } = new AbortController();
  expect(await readFilm(path, signal)).toMatchObject({ bitDepth: 10, colour: PQ });
  expect(task.chunks?.total ?? 1).toBeGreaterThanOrEqual(chunking === "auto" ? 2 : 1);
  expect((await shallow.log()).filter((entry) => entry.taskId?.startsWith(taskId))).toEqual([]);
});
