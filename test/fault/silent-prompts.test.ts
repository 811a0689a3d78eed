import { expect, test, vi } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { makeClip } from "../support/clips.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { judgeRuns } from "../support/judge-runs.js";
import { describeWithMongo, uriOf } from "../support/mongo.js";
import { serve } from "../support/pictures.js";
import { queueLengths } from "../support/runs.js";
import { tempDir } from "../support/temp-dir.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

// Half an hour of silence is a hang wherever nothing was learned, so a test that ends goes by what was.
vi.setConfig({ testTimeout: 300_000 });
const FAST = { simulate: { steps: 2, stepMs: 5 } };
/** What a busy machine was slow to learn, it waits for five times as long. */
const LIMIT = { limitMs: 150_000 };
const UPSCALER = "ImageUpscaleWithModel";
/** Runs on for minutes, and tells of each step; then of none. */
const SLOW = { simulate: { steps: 100_000, stepMs: 20 } };
const MUTE = { simulate: { ...SLOW.simulate, uninterruptible: true } };
const HANG = [{ classType: UPSCALER, fault: "hang" }] as const;
/** Longer than what was learned allows, even where a connection is made anew and polls are late. */
const PAUSE = [{ classType: UPSCALER, fault: "pause", afterMs: 6_000, count: 1 }] as const;
const QUICK = { TMLSR_STALL_MIN_SECONDS: "1" };

const stateOf = (app: TestApp, index: number) => app.app.pool.servers[index]?.state;

/** Runs pictures, one of which is the first after the server's start. */
async function learn(app: TestApp, workflow?: string): Promise<void> {
  await (await submitChecked(app, times(3, workflow))).completed(app);
}

const started = async (server: TestCpuServer, taskId: string | undefined) =>
  (await server.log()).some((entry) => entry.event === "started" && entry.taskId === taskId);

test("a hang of a kind that was timed is found by what was learned: its task and the one behind it run elsewhere", async () => {
  await using hung = await startCpuServer({ switches: FAST });
  await using good = await startCpuServer({ switches: FAST });
  await good.kill();
  const env = { TMLSR_STALL_MIN_SECONDS: "3" };
  await using app = await startTestApp({ servers: [hung.url, good.url], env });
  await learn(app);
  await hung.set(SLOW);
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => {
    const { running, pending } = await queueLengths(hung);
    return running === 1 && pending === 1;
  }, LIMIT);
  await hung.set(MUTE);
  // Only then: a free server would take the one behind it at once.
  await eventually(() => stateOf(app, 0) === "quarantined", LIMIT);
  await good.restart(FAST);
  await tasks.completed(app, 120_000);
  expect((await hung.log()).filter(({ outcome }) => outcome === "success")).toHaveLength(3);
});

test("a hang of a kind that was never timed is left alone for longer than one that was", async () => {
  await using unknown = await startCpuServer({ switches: FAST });
  await using known = await startCpuServer({ switches: FAST });
  await unknown.kill();
  await using app = await startTestApp({ servers: [unknown.url, known.url], env: QUICK });
  await learn(app);
  await known.kill();
  await unknown.restart({ ...FAST, nodes: [...HANG] });
  const [untimed] = (await submitChecked(app, ["cpu_image_4x"])).ids;
  await eventually(() => started(unknown, untimed), LIMIT);
  await known.restart(FAST);
  await learn(app);
  await known.set({ nodes: [...HANG] });
  await submitChecked(app, times(1));
  await eventually(() => stateOf(app, 1) === "quarantined", LIMIT);
  expect(stateOf(app, 0)).toBe("ready");
  expect((await queueLengths(unknown)).running).toBe(1);
});

test("800 frames after ten short clips are left alone, however long they are silent; a clip is not", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startTestApp({ servers: [server.url], env: QUICK });
  const [clip, film] = await Promise.all(
    [12, 800].map(async (frameCount) => {
      const content = await makeClip({ frameCount, hasAudio: false });
      return await serve(Buffer.from(content), "clip.mp4");
    }),
  );
  const submit = (url: string | undefined) => app.submit({ url, workflow: "cpu_video_2x" });
  for (let count = 0; count < 10; count += 1) {
    const task = await app.ended(await submit(clip), 60_000);
    expect(task).toMatchObject({ status: "completed" });
  }
  await server.set({ nodes: [...PAUSE] });
  const filmId = await submit(film);
  expect(await app.ended(filmId, 60_000)).toMatchObject({ status: "completed" });
  expect(judgeRuns([await server.log()], [filmId])).toMatchObject({ runTwice: [] });
  expect(stateOf(app, 0)).toBe("ready");
  await server.set({ nodes: [...PAUSE] });
  await submit(clip);
  await eventually(() => stateOf(app, 0) === "quarantined", LIMIT);
});

test("a server that loads its models anew after a restart may be silent for as long as it was then", async () => {
  const slow = { ...FAST, modelLoadMs: 3_000 };
  await using server = await startCpuServer({ switches: slow });
  await using app = await startTestApp({ servers: [server.url], env: QUICK });
  await learn(app);
  await server.restart(slow);
  await eventually(() => stateOf(app, 0) === "ready", LIMIT);
  const tasks = await submitChecked(app, times(2));
  await tasks.completed(app);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("a prompt whose events cannot be heard is not judged by what was learned", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: QUICK });
  await learn(app);
  await server.set({ ws: "silent", nodes: [...PAUSE] });
  const tasks = await submitChecked(app, times(1));
  await tasks.completed(app);
  expect(await tasks.ranOnce([server])).toBe(0);
});

/** Learns in one app, and lets another one with the same store meet a hang first thing. */
async function meetHangAfterRestart(env: Readonly<Record<string, string>>): Promise<void> {
  const dataDir = await tempDir();
  await using server = await startCpuServer({ switches: FAST });
  const options = { servers: [server.url], dataDir, env: { ...QUICK, ...env } };
  {
    await using before = await startTestApp(options);
    await learn(before);
  }
  await server.set({ nodes: [...HANG] });
  await using after = await startTestApp(options);
  await submitChecked(after, times(1));
  await eventually(() => stateOf(after, 0) === "quarantined", LIMIT);
}

test("what was learned is known after a restart", async () => {
  await meetHangAfterRestart({});
});

await describeWithMongo("with MongoDB", (take) => {
  test("what was learned is known after a restart, and to other replicas", async () => {
    await using database = await take();
    await meetHangAfterRestart({ MONGODB_URI: uriOf(database) });
  });
});
