import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { makeMovingFilm } from "../../support/seams/moving-film.js";
import { runInChunks } from "../../support/seams/run-in-chunks.js";
import { seamSteps } from "../../support/seams/seam-steps.js";
import {
  PER_FRAME,
  type SeamWorkflow,
  withMemory,
  writeWorkflows,
} from "../../support/seams/seam-workflows.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

// What is seen at the borders of chunks: the step over them, against ordinary steps between frames, in films that were
// submitted to a service.

const [NONE, FULL, BEFORE, FADED] = [
  withMemory(0, 0),
  withMemory(5, 4),
  withMemory(4, 0),
  withMemory(4, 0, 4),
];

let directory: string;
let server: TestCpuServer;
let app: TestApp;
let film: Buffer;
const origin = createServer((_request, response) => response.end(film));
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tmlsr-seams-"));
  server = await startCpuServer({ switches: { seesNeighbours: true } });
  await makeMovingFilm(join(directory, "film.mp4"), 150);
  film = await readFile(join(directory, "film.mp4"));
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  await writeWorkflows(directory, [PER_FRAME, NONE, FULL, BEFORE, FADED]);
  const env = { TMLSR_CHUNK_FRAMES: "36", TMLSR_WORKFLOWS_DIR: directory };
  app = await startTestApp({ servers: [server.url], env, dataDir: join(directory, "data") });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  origin.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function run(workflow: SeamWorkflow) {
  const { port } = origin.address() as AddressInfo;
  return await runInChunks(
    { url: app.url, directory },
    `http://127.0.0.1:${port}/film.mp4`,
    workflow,
  );
}

it("is nothing for a network that takes every frame for itself", async () => {
  const chunked = await run(PER_FRAME);
  expect(chunked.frames).toHaveLength(150);
  expect(chunked.borders.length).toBeGreaterThan(3);
  expect(Math.abs((seamSteps(chunked).get(0) ?? 0) - 1)).toBeLessThan(0.05);
});

it("is nothing for a network with memory that sees as much as it remembers", async () => {
  const chunked = await run(FULL);
  expect(chunked.frames).toHaveLength(150);
  expect(chunked.borders.length).toBeGreaterThan(3);
  expect(Math.abs((seamSteps(chunked).get(0) ?? 0) - 1)).toBeLessThan(0.05);
});

it("is smaller where chunks fade into each other", async () => {
  const worst = async (workflow: SeamWorkflow) => {
    const steps = seamSteps(await run(workflow));
    return Math.max(...Array.from({ length: 9 }, (_, at) => steps.get(at - 6) ?? 0));
  };
  const [trimmed, faded] = [await worst(BEFORE), await worst(FADED)];
  expect(trimmed).toBeGreaterThan(2);
  expect(faded).toBeLessThan(1 + (trimmed - 1) / 2);
});

it("is seen where such a network sees too little", async () => {
  expect(seamSteps(await run(NONE)).get(0)).toBeGreaterThan(1.5);
});
