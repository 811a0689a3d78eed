import { randomBytes } from "node:crypto";
import sharp, { type Sharp } from "sharp";
import { expect, test, vi } from "vitest";
import type { Task } from "../../../src/domain/task.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { heldSlots } from "../../support/held-slots.js";
import { serve } from "../../support/pictures.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 120_000 });
const TASK = { type: "image", workflow: "cpu_image_2x" };
const FAST = { simulate: { steps: 2, stepMs: 5 } };

const EDGE = 512;

/** Noise, which is decoded slowly, of as many pixels as are judged while a slot is asked for. */
const noise = (): Sharp =>
  sharp(randomBytes(EDGE * EDGE * 3), { raw: { width: EDGE, height: EDGE, channels: 3 } });

const slowPicture = async (): Promise<Buffer> => await noise().webp({ lossless: true }).toBuffer();

/** Its header is right; what is wrong shows when it is decoded. */
async function damagedPicture(): Promise<Buffer> {
  const picture = await noise().avif({ quality: 80, effort: 2 }).toBuffer();
  return picture.fill(0, picture.length - 4096, picture.length - 1024);
}

interface Seen {
  readonly task: Task;
  /** Whether it had a slot while its input was judged. */
  readonly isAhead: boolean;
}

/** Runs a task to its end and looks at all that becomes of it. */
async function run(app: TestApp, picture: Buffer): Promise<Seen> {
  const { store } = app.app;
  let isAhead = false;
  const look = async (taskId: string): Promise<void> => {
    const task = await store.get(taskId);
    isAhead ||= task?.slot !== undefined && task.stages.download?.status === "running";
  };
  const unsubscribe = store.subscribe(({ taskId }) => void look(taskId));
  const taskId = await app.submit({ ...TASK, url: await serve(picture) });
  const task = await eventually(async () => {
    const now = await store.get(taskId);
    return now?.finishedAt !== undefined && now;
  });
  unsubscribe();
  return { task, isAhead };
}

/** Whether the slot or the judgement comes first is the machine's; at least once it is the slot. */
async function runUntilAhead(app: TestApp, picture: Buffer): Promise<Task> {
  return await eventually(async () => {
    const { task, isAhead } = await run(app, picture);
    return isAhead && task;
  });
}

test("a small picture asks for its slot while it is judged, and then runs there", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const task = await runUntilAhead(app, await slowPicture());
  expect(task).toMatchObject({ status: "completed", attempts: [{ attempt: 1 }] });
  expect(task.attempts[0]?.server).toBeDefined();
});

test("a picture that turns out to be damaged gives its slot back, and its attempt is on no server", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const task = await runUntilAhead(app, await damagedPicture());
  expect(task).toMatchObject({ status: "failed", error: { code: "INPUT_DAMAGED" } });
  expect(task.attempts).toHaveLength(1);
  expect(task.attempts[0]).not.toHaveProperty("server");
  expect(await heldSlots(app.app.store)).toEqual([]);
  expect((await server.log()).filter(({ event }) => event === "submitted")).toEqual([]);
  expect((await run(app, await slowPicture())).task.status).toBe("completed");
});
