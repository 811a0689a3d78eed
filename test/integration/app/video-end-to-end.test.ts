import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ClipFacts, makeClip, readClip } from "../../support/clips.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { serve } from "../../support/pictures.js";
import { type RestTask, startTestApp, type TestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 0 } };

/** Fetches a task's result from the app. */
const resultOf = async (app: TestApp, task: RestTask): Promise<ClipFacts> => {
  expect(task).toMatchObject({ status: "completed", error: null });
  expect(task.output).toMatchObject({ media_type: "video/mp4" });
  const { pathname } = new URL(task.output.url);
  return await readClip(await (await fetch(app.url + pathname)).arrayBuffer());
};

const expectSameFilm = (after: ClipFacts, before: ClipFacts) => {
  expect(after).toMatchObject({ width: before.width * 2, height: before.height * 2, codec: "avc" });
  expect(after.frameTimes).toHaveLength(before.frameTimes.length);
  expect(after.fps).toBeCloseTo(before.fps, 3);
  expect(after.seconds).toBeCloseTo(before.seconds, 2);
  expect(after.audio.map(({ data }) => data)).toEqual(before.audio.map(({ data }) => data));
  expect(after.audio.length).toBeGreaterThan(0);
};

test("a video goes the whole way on a real network, submitted with nothing but its URL", async () => {
  const clip = await makeClip();
  await using server = await startCpuServer();
  await using app = await startTestApp({ servers: [server.url] });
  // Known before anything is submitted, as the default is the first workflow that the pool can run.
  await eventually(async () => (await app.rest("GET", "/ready")).status === 200);
  const taskId = await app.submit({ url: await serve(Buffer.from(clip), "clip.mp4") });
  const task = await app.ended(taskId, 60_000);
  expect(task).toMatchObject({ type: "video", workflow: "cpu_video_2x" });
  expectSameFilm(await resultOf(app, task), await readClip(clip));
});

test("progress of a video grows with its frames, and never falls", async () => {
  // A frame takes longer than a change needs to reach the watcher, which is sent the newest state alone.
  await using server = await startCpuServer({ switches: { simulate: { steps: 2, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(Buffer.from(await makeClip({ frameCount: 24 })), "clip.mp4");
  const taskId = await app.submit({ url, workflow: "cpu_video_2x" });
  const seen: number[] = [];
  for await (const { task } of app.grpc.tasks.watchTask({ taskId }))
    seen.push(task?.progress ?? -1);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(new Set(seen).size).toBeGreaterThan(5);
  expect(seen.at(-1)).toBe(100);
});

test("a video that is canceled in the middle stops on the server and leaves no file", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 4, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(Buffer.from(await makeClip({ frameCount: 24 })), "clip.mp4");
  const taskId = await app.submit({ url, workflow: "cpu_video_2x" });
  await eventually(async () => {
    const { body } = await app.rest("GET", `/tasks/${taskId}`);
    return body.stages[1].progress > 15;
  });
  await app.rest("DELETE", `/tasks/${taskId}`);
  expect(await app.ended(taskId)).toMatchObject({ status: "canceled" });
  await eventually(async () => {
    const ended = (await server.log()).find(({ event }) => event === "ended");
    return ended?.outcome === "interrupted";
  });
  const files = await readdir(join(server.dir, "output"), { recursive: true });
  expect(files.filter((file) => file.endsWith(".mp4"))).toEqual([]);
  await server.set(FAST);
  const next = await app.submit({ url, workflow: "cpu_video_2x" });
  expect(await app.ended(next)).toMatchObject({ status: "completed" });
});

test("a video of 10 bits fails with a sentence that says so, and is not tried again", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const clip = await makeClip({ codec: "prores" });
  const url = await serve(Buffer.from(clip), "clip.mov");
  const task = await app.ended(await app.submit({ url, workflow: "cpu_video_2x" }));
  expect(task).toMatchObject({ status: "failed", retries: 0 });
  expect(task.error).toContain("more than 8 bits");
});
