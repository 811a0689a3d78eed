import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Workflow } from "../../../src/workflow/workflow.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { makeMovingFilm } from "../../support/seams/moving-film.js";
import { PER_FRAME, runInChunks, withMemory } from "../../support/seams/run-in-chunks.js";
import { seamSteps } from "../../support/seams/seam-steps.js";

// What is seen at the borders of chunks: the step over them, against ordinary steps between frames.

let server: TestCpuServer;
let film: string;
beforeAll(async () => {
  server = await startCpuServer({ switches: { seesNeighbours: true } });
  film = join(server.dir, "film.mp4");
  await makeMovingFilm(film, 150);
});
afterAll(() => server[Symbol.asyncDispose]());

it("is nothing for a network that takes every frame for itself", async () => {
  const run = await runInChunks(server, film, PER_FRAME, 36);
  expect(run.frames).toHaveLength(150);
  expect(run.borders.length).toBeGreaterThan(3);
  expect(Math.abs((seamSteps(run).get(0) ?? 0) - 1)).toBeLessThan(0.05);
});

it("is nothing for a network with memory that sees as much as it remembers", async () => {
  const run = await runInChunks(server, film, withMemory(5, 4), 36);
  expect(run.frames).toHaveLength(150);
  expect(run.borders.length).toBeGreaterThan(3);
  expect(Math.abs((seamSteps(run).get(0) ?? 0) - 1)).toBeLessThan(0.05);
});

it("is smaller where chunks fade into each other", async () => {
  const worst = async (graph: Workflow) => {
    const steps = seamSteps(await runInChunks(server, film, graph, 36));
    return Math.max(...Array.from({ length: 9 }, (_, at) => steps.get(at - 6) ?? 0));
  };
  const [trimmed, faded] = [await worst(withMemory(4, 0)), await worst(withMemory(4, 0, 4))];
  expect(trimmed).toBeGreaterThan(2);
  expect(faded).toBeLessThan(1 + (trimmed - 1) / 2);
});

it("is seen where such a network sees too little", async () => {
  const run = await runInChunks(server, film, withMemory(0, 0), 36);
  expect(seamSteps(run).get(0)).toBeGreaterThan(1.5);
});
