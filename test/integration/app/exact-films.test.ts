import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { joinFilm } from "../../../src/film/join/join-film.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { EXACT_CLIPS, makeClip } from "../../support/films/exact-clips.js";
import { expectExact, type KnownFilm, knowFilm } from "../../support/films/expect-exact.js";
import { makeFilm } from "../../support/films/make-film.js";
import { saveResults } from "../../support/films/save-results.js";
import { fetchResult } from "../../support/films/served-film.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

// Every kind of film through the whole service: in chunks and as one prompt, by the built-in server and by stand-ins that
// lose what ComfyUI loses.

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const END_MS = 200_000;
const CHUNKS = { TMLSR_CHUNK_FRAMES: "16", TMLSR_CHECK_RESULTS: "true" };
const SIMULATE = { steps: 1, stepMs: 0 };
const NAMES = Object.keys(EXACT_CLIPS);

const known = new Map<string, KnownFilm>();
let directory: string;
let server: TestCpuServer;
let app: TestApp;
const origin = createServer((request, response) => {
  createReadStream(join(directory, basename(request.url ?? ""))).pipe(response);
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tmlsr-exact-"));
  for (const [name, clip] of Object.entries(EXACT_CLIPS))
    await makeClip(join(directory, fileOf(name)), clip);
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  server = await startCpuServer({ switches: { simulate: SIMULATE } });
  const dataDir = join(directory, "data");
  app = await startTestApp({ servers: [server.url], env: CHUNKS, dataDir });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  origin.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

function fileOf(name: string): string {
  return `${NAMES.indexOf(name)}.${EXACT_CLIPS[name]?.extension ?? "mp4"}`;
}

async function sourceOf(name: string): Promise<KnownFilm> {
  const film = known.get(name) ?? (await knowFilm(join(directory, fileOf(name))));
  known.set(name, film);
  return film;
}

async function submit(name: string, chunking: string): Promise<string> {
  const { port } = origin.address() as AddressInfo;
  const { container } = EXACT_CLIPS[name] ?? {};
  const parameters = container && { container };
  const url = `http://127.0.0.1:${port}/${fileOf(name)}`;
  return await app.submit({
    url,
    workflow: "cpu_video_2x",
    chunking,
    ...(parameters && { parameters }),
  });
}

describe.each([
  ["in chunks by the built-in server", "auto", null],
  ["in chunks by a new ComfyUI", "auto", { as: "new" }],
  ["as one prompt by the built-in server", "off", null],
  ["as one prompt by an old ComfyUI", "off", { as: "old" }],
] as const)("films %s", (_how, chunking, films) => {
  const tasks = new Map<string, string>();
  beforeAll(async () => {
    await server.set({ films });
    for (const name of NAMES) tasks.set(name, await submit(name, chunking));
  });

  test.each(NAMES)("come back exactly: %s", async (name) => {
    const { container = "mp4", isEncoded, film, note } = EXACT_CLIPS[name] ?? {};
    const task = await app.ended(tasks.get(name) ?? "", END_MS);
    const path = await fetchResult(task, app.url);
    expect(task.outputs[0]).toMatchObject({
      file_name: `result.${container}`,
      media_type: container === "mkv" ? "video/x-matroska" : "video/mp4",
    });
    const isChunked = chunking === "auto" && (film?.frameCount ?? 48) > 16;
    expect(task.chunks?.total ?? 1).toBeGreaterThan(isChunked ? 1 : 0);
    if (isChunked && note) expect(task.notes.join()).toContain(note);
    await expectExact(path, await sourceOf(name), isEncoded);
  });
});

test("a film that is joined at its nominal rate is not exact", async () => {
  const film = await sourceOf("variable times");
  const { facts, frames } = film;
  const step = (facts.times.at(-1) ?? 0) / (facts.times.length - 1);
  const nominal = { ...facts, times: facts.times.map((_, at) => Math.round(at * step)) };
  const results = saveResults(directory, frames, [20, 28]);
  const outPath = join(directory, "nominal.mp4");
  const rest = { restPath: film.path, container: "mp4" } as const;
  await joinFilm({ film: nominal, results, outPath, ...rest }, AbortSignal.timeout(END_MS));
  await expect(expectExact(outPath, film)).rejects.toThrow("frame ");
  await joinFilm({ film: facts, results, outPath, ...rest }, AbortSignal.timeout(END_MS));
  await expectExact(outPath, film);
});

test("a broken middle fails and names its time; films with fields and with alpha say so", async () => {
  const [broken, fields, alpha] = ["broken.mp4", "fields.mp4", "alpha.webm"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  await makeFilm(broken, { frameCount: 240, encoder: { crf: "1" } });
  const content = await readFile(broken);
  content.fill(0xee, content.length / 2, content.length / 2 + 3000);
  await writeFile(broken, content);
  await makeFilm(alpha, { codec: "vp9", saysAlpha: true });
  await makeFilm(fields, { encoder: { flags: "+ildct+ilme" } });
  const { port } = origin.address() as AddressInfo;
  const ended = async (path: string) => {
    const url = `http://127.0.0.1:${port}/${basename(path)}`;
    return await app.ended(await app.submit({ url, workflow: "cpu_video_2x" }), END_MS);
  };
  const failed = await ended(broken);
  expect(failed).toMatchObject({ status: "failed", error_code: "INPUT_DAMAGED" });
  expect(failed.error).toMatch(/at 0:00:0[3-7]\.\d/);
  for (const [path, note] of [
    [fields, "interlaced"],
    [alpha, "alpha was dropped"],
  ] as const) {
    const task = await ended(path);
    expect(task).toMatchObject({ status: "completed" });
    expect(task.notes).toContainEqual(expect.stringContaining(note));
  }
});
