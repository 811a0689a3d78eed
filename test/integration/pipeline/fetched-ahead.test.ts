import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { FetchedAhead } from "../../../src/pipeline/fetched-ahead.js";
import type { StageProgress } from "../../../src/pipeline/task-journal.js";
import { WorkDir } from "../../../src/pipeline/work-dir.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { tempDir } from "../../support/temp-dir.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const DONE = { server: "gpu-1", promptId: "p", filenamePrefix: "x", phase: "done" } as const;

/** Fetches a file of the server's ahead. @param content undefined: the server does not have it */
async function fetchAhead(
  content: string | undefined,
  dispatch?: typeof DONE,
  signal = new AbortController().signal,
) {
  const comfy = new ComfyServer({ url: server.url, logger: pino({ level: "silent" }) });
  onTestFinished(() => comfy[Symbol.asyncDispose]());
  const filename = `${crypto.randomUUID()}.png`;
  await mkdir(join(server.dir, "output"), { recursive: true });
  if (content !== undefined) await writeFile(join(server.dir, "output", filename), content);
  const workDir = new WorkDir(await tempDir());
  const reports: StageProgress[] = [];
  const journal = { signal, dispatch, progress: (report: StageProgress) => reports.push(report) };
  await using ahead = new FetchedAhead();
  const outputs = [{ filename, subfolder: "", type: "output" }];
  ahead.begin({ promptId: "p", outputs }, comfy, workDir, journal);
  await ahead.ended;
  return { workDir, reports };
}

test("a result that is fetched ahead lies where it is looked for", async () => {
  const { workDir, reports } = await fetchAhead("a picture", DONE);
  expect(await readFile(workDir.file("output-p-0"), "utf8")).toBe("a picture");
  expect(reports.at(-1)).toEqual({ stage: "upload", ratio: 0.3 });
});

test("nothing is told of it before the prompt's end is stored", async () => {
  const { workDir, reports } = await fetchAhead("a picture");
  expect(await readdir(workDir.path)).toEqual(["output-p-0"]);
  expect(reports).toEqual([]);
});

test.each([
  ["that the server does not have", undefined],
  ["that is empty", ""],
])("a result %s is no failure, and leaves nothing", async (_what, content) => {
  const { workDir } = await fetchAhead(content);
  expect(await readdir(workDir.path)).toEqual([]);
});

test("fetching ends with the run, and leaves nothing", async () => {
  const { workDir } = await fetchAhead(
    "a picture",
    undefined,
    AbortSignal.abort(new Error("over")),
  );
  expect(await readdir(workDir.path)).toEqual([]);
});

test("a prompt without files has nothing to fetch", () => {
  const ahead = new FetchedAhead();
  const comfy = undefined as never;
  ahead.begin({ promptId: "p", outputs: [] }, comfy, new WorkDir("/nowhere"), undefined as never);
  expect(ahead.ended).toBeUndefined();
});
