import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { cancelPrompt } from "../../../src/comfy/prompt/cancel-prompt.js";
import { lookForPrompt, lookOnce } from "../../../src/comfy/prompt/look-for-prompt.js";
import { submitPrompt } from "../../../src/comfy/prompt/submit-prompt.js";
import { withdrawPrompt } from "../../../src/comfy/prompt/withdraw-prompt.js";
import {
  type SwitchChanges,
  startCpuServer,
  type TestCpuServer,
} from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { clientOf, networkPrompt, signal } from "./support.js";

const SLOW = { simulate: { steps: 1_000, stepMs: 20 } };
const QUICK = { simulate: { steps: 2, stepMs: 5 } };
const BEHAVE: SwitchChanges = { ...SLOW, http: null, history: null, newer: null };
let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
beforeEach(() => server.set(BEHAVE));
afterAll(() => server[Symbol.asyncDispose]());

async function submit(comfy: ComfyServer): Promise<string> {
  const made = await networkPrompt(comfy);
  await submitPrompt(comfy, made, signal);
  return made.promptId;
}

async function untilState(comfy: ComfyServer, promptId: string, state: string): Promise<void> {
  await eventually(async () => (await lookOnce(comfy, promptId, signal)).state === state, {
    limitMs: 150_000,
  });
}

/** One that runs, and one that waits behind it. */
async function twoPrompts(comfy: ComfyServer): Promise<readonly [string, string]> {
  const first = await submit(comfy);
  await untilState(comfy, first, "running");
  return [first, await submit(comfy)];
}

/** What the server's own log says of a prompt. */
const storyOf = async (promptId: string) =>
  (await server.log()).filter((entry) => entry.promptId === promptId).map(({ event }) => event);

test.each([[false], [true]])(
  "a prompt that waits is taken back; a newer server: %s",
  async (newer) => {
    await server.set({ newer });
    const comfy = clientOf(server.url);
    const [running, waiting] = await twoPrompts(comfy);
    expect(await withdrawPrompt(comfy, waiting, signal)).toBe(true);
    expect(await lookForPrompt(comfy, waiting, signal)).toEqual({ state: "absent" });
    expect(await storyOf(waiting)).toEqual(["submitted", "deleted"]);
    expect(await lookOnce(comfy, running, signal)).toMatchObject({ state: "running" });
    await cancelPrompt(comfy, running, signal);
  },
);

test.each([[false], [true]])(
  "a prompt that runs is left alone; a newer server: %s",
  async (newer) => {
    await server.set({ newer });
    const comfy = clientOf(server.url);
    const [running, waiting] = await twoPrompts(comfy);
    expect(await withdrawPrompt(comfy, running, signal)).toBe(false);
    expect(await lookOnce(comfy, running, signal)).toMatchObject({ state: "running" });
    expect(await lookOnce(comfy, waiting, signal)).toMatchObject({ state: "pending" });
    for (const promptId of [waiting, running]) await cancelPrompt(comfy, promptId, signal);
  },
);

test("a prompt that has ended is left alone", async () => {
  await server.set(QUICK);
  const comfy = clientOf(server.url);
  const promptId = await submit(comfy);
  await untilState(comfy, promptId, "ended");
  expect(await withdrawPrompt(comfy, promptId, signal)).toBe(false);
});

/** Takes a prompt back so slowly that it begins meanwhile. */
async function beginMeanwhile(comfy: ComfyServer): Promise<readonly [boolean, string]> {
  const [running, waiting] = await twoPrompts(comfy);
  const slow = {
    path: "/queue",
    method: "POST",
    fault: "delay",
    when: "before",
    ms: 2_500,
  } as const;
  await server.set({ http: [slow] });
  const withdrawing = withdrawPrompt(comfy, waiting, signal);
  await server.set(QUICK);
  await comfy.interrupt(running, signal);
  return [await withdrawing, waiting];
}

test("a prompt that begins while it is taken back runs to its end, and is not given away", async () => {
  const comfy = clientOf(server.url);
  const [isBack, promptId] = await beginMeanwhile(comfy);
  expect(isBack).toBe(false);
  await untilState(comfy, promptId, "ended");
  expect(await storyOf(promptId)).toEqual(["submitted", "started", "ended"]);
});

test("a prompt that ran while it was taken back is not given away, though the server has forgotten it", async () => {
  await server.set({ history: { forgetAfterMs: 0 } });
  const comfy = clientOf(server.url);
  const [isBack, promptId] = await beginMeanwhile(comfy);
  expect(isBack).toBe(false);
  expect(await storyOf(promptId)).toEqual(["submitted", "started", "ended"]);
});

test("a prompt is taken back whose answer was lost, and one that had nothing before it any more", async () => {
  const comfy = clientOf(server.url);
  const [running, waiting] = await twoPrompts(comfy);
  const cut = { path: "/queue", method: "POST", fault: "cut", when: "after", count: 1 } as const;
  await server.set({ http: [cut] });
  await expect(withdrawPrompt(comfy, waiting, signal)).rejects.toMatchObject({
    code: "SERVER_UNREACHABLE",
  });
  expect(await lookForPrompt(comfy, waiting, signal)).toEqual({ state: "absent" });
  await cancelPrompt(comfy, running, signal);
});
