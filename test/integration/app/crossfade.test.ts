import { expect, test, vi } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { expectExact, knowFilm } from "../../support/films/expect-exact.js";
import { fadingWorkflows } from "../../support/films/fading-workflows.js";
import { nothingLeft } from "../../support/films/film-runs.js";
import type { FilmOptions } from "../../support/films/make-film.js";
import { fetchResult, serveFilm } from "../../support/films/served-film.js";
import { startTestApp } from "../../support/test-app.js";

// A workflow whose chunks fade into each other, all the way: over an old and a new server, one of which is split since it ran
// out of memory.

vi.setConfig({ testTimeout: 240_000 });

const WORKFLOW = "cpu_video_2x";
const END_MS = 200_000;
const GIB = 2 ** 30;
const FILM: FilmOptions = {
  ...{ frameCount: 60, rotation: 90, rate: { num: 90, den: 1 } },
  times: (at) => at * 4 + (at % 4),
  lastDuration: 3,
};

test("chunks that fade into each other: frame k is frame k, at its time", async () => {
  const memory = { deviceBytes: 8 * GIB, machineBytes: 64 * GIB };
  const simulate = { steps: 2, stepMs: 50 };
  const error = { exceptionType: "torch.OutOfMemoryError", message: "Allocation on device" };
  const nodes = [
    { classType: "ImageUpscaleWithModel", fault: "fail", count: 2, ...error } as const,
  ];
  await using old = await startCpuServer({
    switches: { simulate, memory, nodes, films: { as: "old" } },
  });
  await using newer = await startCpuServer({
    switches: { simulate, memory, films: { as: "new" } },
  });
  const env = {
    ...{ TMLSR_CHUNK_FRAMES: "28", TMLSR_CHECK_RESULTS: "true" },
    TMLSR_WORKFLOWS_DIR: await fadingWorkflows(WORKFLOW),
  };
  await using app = await startTestApp({ servers: [old.url, newer.url], env });
  const film = await serveFilm(FILM);
  const taskId = await app.submit({ url: film.url, workflow: WORKFLOW });
  const task = await app.ended(taskId, END_MS);
  await expectExact(await fetchResult(task, app.url), await knowFilm(film.path));
  const { body } = await app.rest("GET", `/tasks/${taskId}/chunks`);
  const counts = body.chunks.map(({ frames }: { frames: number }) => frames);
  expect(counts.filter((count: number) => count === 10)).toHaveLength(2);
  await nothingLeft(app.dataDir, taskId);
});
