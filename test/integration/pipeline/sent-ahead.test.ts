import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { ComfyServer } from "../../../src/comfy/comfy-server.js";
import type { ReadyInput } from "../../../src/pipeline/download-stage.js";
import { SentAhead } from "../../../src/pipeline/sent-ahead.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { tempDir } from "../../support/temp-dir.js";

const signal = new AbortController().signal;

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
beforeEach(() => server.set({ http: null }));
afterAll(() => server[Symbol.asyncDispose]());

function clientOf(url: string): ComfyServer {
  const comfy = new ComfyServer({ url, logger: pino({ level: "silent" }) });
  onTestFinished(() => comfy[Symbol.asyncDispose]());
  return comfy;
}

async function anInput(content = "a picture", more = {}): Promise<ReadyInput> {
  const path = join(await tempDir(), "input");
  await writeFile(path, content);
  const facts = { mediaType: "image/png", sizeBytes: content.length, width: 1, height: 1, ...more };
  return { path, name: "holiday.png", facts };
}

test("an input that is sent ahead is on its server, under the name that is asked for", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-1");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBe("tmlsr/task-1/holiday.png");
  expect((await stat(join(server.dir, "input/tmlsr/task-1/holiday.png"))).size).toBe(9);
});

test("one that is another file in the end counts as not sent", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-2");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, await anInput("a longer one"))).toBeUndefined();
  expect(await ahead.nameOn(comfy, { ...input, name: "holiday.jpg" })).toBeUndefined();
});

test("what may be transparent is not sent ahead", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-3");
  const input = await anInput("a picture", { hasAlpha: true });
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});

test("one that turns out to be transparent counts as not sent, once it is no longer on its way", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-9");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  const known = { ...input, facts: { ...input.facts, hasAlpha: true as const } };
  expect(ahead.isOn(comfy, input)).toBe(true);
  expect(ahead.isOn(comfy, known)).toBe(false);
  expect(await ahead.nameOn(comfy, known)).toBeUndefined();
  expect((await stat(join(server.dir, "input/tmlsr/task-9/holiday.png"))).size).toBe(9);
});

test("one whose file was written anew counts as not sent", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-10");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBeDefined();
  await rm(input.path);
  await writeFile(input.path, "a pictura");
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});

test("a server that was chosen a moment ago is not chosen anew, unless the file is another one", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-11", { chosenForMs: 60_000 });
  const input = await anInput();
  expect(ahead.hasJustBegun(input)).toBe(false);
  ahead.begin(input, comfy, signal);
  expect(ahead.hasJustBegun(input)).toBe(true);
  expect(ahead.hasJustBegun({ ...input, name: "holiday.jpg" })).toBe(false);
  const before = new SentAhead("task-12", { chosenForMs: -1 });
  before.begin(input, comfy, signal);
  expect(before.hasJustBegun(input)).toBe(false);
  await Promise.all([ahead.nameOn(comfy, input), before.nameOn(comfy, input)]);
});

test("a server that was started anew may have lost it", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-4");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBeDefined();
  await server.kill();
  await expect(comfy.queueRemaining(signal)).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  await server.restart();
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});

test("one that was sent long ago may have been removed", async () => {
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-7", { leftAloneMs: -1 });
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});

test("a server that cannot take it is no failure", async () => {
  await server.set({ http: [{ path: "/upload/image", when: "before", fault: "cut" }] });
  const comfy = clientOf(server.url);
  const ahead = new SentAhead("task-5");
  const input = await anInput();
  ahead.begin(input, comfy, signal);
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});

test("sending ends where another server runs the task", async () => {
  await server.set({ http: [{ path: "/upload/image", when: "before", fault: "black-hole" }] });
  const first = clientOf(server.url);
  const ahead = new SentAhead("task-6");
  const input = await anInput();
  ahead.begin(input, first, signal);
  const there = ahead.nameOn(first, input);
  expect(await ahead.nameOn(clientOf(server.url), input)).toBeUndefined();
  expect(await there).toBeUndefined();
});

test("sending ends with the run", async () => {
  await server.set({ http: [{ path: "/upload/image", when: "before", fault: "black-hole" }] });
  const comfy = clientOf(server.url);
  const input = await anInput();
  const ahead = new SentAhead("task-8");
  ahead.begin(input, comfy, signal);
  await ahead[Symbol.asyncDispose]();
  expect(await ahead.nameOn(comfy, input)).toBeUndefined();
});
