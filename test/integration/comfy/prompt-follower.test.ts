import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { cancelPrompt } from "../../../src/comfy/prompt/cancel-prompt.js";
import { lookForPrompt } from "../../../src/comfy/prompt/look-for-prompt.js";
import { type FollowOptions, PromptFollower } from "../../../src/comfy/prompt/prompt-follower.js";
import type { PromptUpdate } from "../../../src/comfy/prompt/prompt-progress.js";
import { submitPrompt } from "../../../src/comfy/prompt/submit-prompt.js";
import {
  type SwitchChanges,
  startCpuServer,
  type TestCpuServer,
} from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import {
  clientOf,
  followPrompt,
  networkPrompt,
  outputOf,
  signal,
  type TestPrompt,
} from "./support.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
const BEHAVE: SwitchChanges = {
  ...{ http: null, ws: null, nodes: null, history: null, workerDead: null, output: null },
  ...{ extraFields: null, newer: null, simulate: { steps: 4, stepMs: 5 } },
};
beforeEach(() => server.set(BEHAVE));
afterAll(() => server[Symbol.asyncDispose]());

const QUICK: FollowOptions = { stallMs: 20_000, pollMs: 100, signal };

async function submitted(comfy: ComfyServer): Promise<TestPrompt> {
  const made = await networkPrompt(comfy);
  await submitPrompt(comfy, made, signal);
  return made;
}

/** Submits a prompt and follows it from the beginning. */
async function run(comfy: ComfyServer, options: Partial<FollowOptions> = {}) {
  const { prompt, promptId } = await networkPrompt(comfy);
  using follower = new PromptFollower(comfy, promptId, { ...QUICK, prompt, ...options });
  await submitPrompt(comfy, { prompt, promptId }, signal);
  return await follower.end();
}

async function runningPrompt(comfy: ComfyServer): Promise<TestPrompt> {
  await server.set({ simulate: { steps: 1_000, stepMs: 20 } });
  const made = await submitted(comfy);
  await eventually(
    async () => (await lookForPrompt(comfy, made.promptId, signal)).state === "running",
  );
  return made;
}

describe("a prompt that was sent just now", () => {
  test("is found where nothing is heard of it, too", async () => {
    await server.set({ ws: "silent" });
    const end = await run(clientOf(server.url), { isNew: true });
    expect(outputOf(end, "4")).toMatchObject({ filename: "out_00001_.png" });
  });
});

describe("a prompt that ends", () => {
  test("well is told with its files and how far it came", async () => {
    const comfy = clientOf(server.url);
    const updates: PromptUpdate[] = [];
    const end = await run(comfy, { onProgress: (update) => updates.push(update) });
    expect(outputOf(end, "4")).toMatchObject({ filename: "out_00001_.png", type: "output" });
    const ratios = updates.map(({ ratio }) => ratio);
    expect(ratios).toEqual([...ratios].sort((a, b) => a - b));
    expect(ratios.at(-1)).toBe(1);
    expect(updates).toContainEqual(
      expect.objectContaining({
        runningNode: "ImageUpscaleWithModel",
        step: { value: 2, max: 4 },
      }),
    );
  });

  test.each([
    ["torch.OutOfMemoryError", "Allocation on device", "OUT_OF_MEMORY"],
    [
      "torch.AcceleratorError",
      "CUDA error: an illegal memory access was encountered",
      "CUDA_FAULT",
    ],
    ["ValueError", "boom in '/srv/comfy/nodes.py'", "PROMPT_FAILED"],
  ])("in %s is told with its reason", async (exceptionType, message, code) => {
    const fault = {
      classType: "ImageUpscaleWithModel",
      fault: "fail",
      exceptionType,
      message,
    } as const;
    await server.set({ nodes: [fault] });
    const end = await run(clientOf(server.url));
    expect(end).toMatchObject({ kind: "failed", error: { code } });
    expect(JSON.stringify(end)).not.toContain("/srv");
  });

  test("by an interrupt is told as interrupted", async () => {
    const comfy = clientOf(server.url);
    const { promptId } = await runningPrompt(comfy);
    const following = followPrompt(comfy, promptId, QUICK);
    await comfy.interrupt(promptId, signal);
    expect(await following).toEqual({ kind: "interrupted" });
  });

  test("by being taken out of the queue is told as lost", async () => {
    const comfy = clientOf(server.url);
    const [first, second] = [await runningPrompt(comfy), await submitted(comfy)];
    const following = followPrompt(comfy, second.promptId, QUICK);
    await comfy.deleteFromQueue(second.promptId, signal);
    expect(await following).toEqual({ kind: "lost" });
    await cancelPrompt(comfy, first.promptId, signal);
  });

  test("before it was followed is told at once", async () => {
    const comfy = clientOf(server.url);
    const { promptId } = await submitted(comfy);
    await eventually(async () => (await comfy.queueRemaining(signal)) === 0);
    expect(await followPrompt(comfy, promptId, QUICK)).toMatchObject({ kind: "success" });
  });
});

describe("following bears", () => {
  test.each<[string, SwitchChanges]>([
    ["a socket that says nothing", { ws: "silent" }],
    ["a socket full of nonsense", { ws: "junk" }],
    ["fields that nobody knows", { extraFields: true }],
    ["polls that fail in turn", { http: [{ path: "/queue", fault: "cut", count: 4 }] }],
    [
      "answers that are none",
      { http: [{ path: "/queue", fault: "answer", status: 200, count: 4 }] },
    ],
    [
      "a history that fails for a while",
      { http: [{ path: "/history/*", fault: "cut", count: 3 }] },
    ],
    ["a history that comes late", { history: { lateMs: 400 } }],
    ["a history that comes late, the prompt being nowhere meanwhile", { history: { gapMs: 700 } }],
    ["a newer server", { newer: true }],
  ])("%s", async (_, changes) => {
    await server.set(changes);
    const end = await run(clientOf(server.url));
    expect(outputOf(end, "4").filename).toBe("out_00001_.png");
  });

  test("sockets that are cut, again and again", async () => {
    const comfy = clientOf(server.url);
    await server.set({ simulate: { steps: 50, stepMs: 20 } });
    const following = run(comfy);
    await eventually(async () => {
      await server.set({ dropSockets: true });
      return comfy.events.abnormalCloseCount >= 3;
    });
    expect(await following).toMatchObject({ kind: "success" });
  });

  test("a history that never has the prompt, since its events were heard", async () => {
    await server.set({ history: { forgetAfterMs: 0 } });
    const end = await run(clientOf(server.url), { watch: { lateHistoryMs: 300 } });
    expect(outputOf(end, "4").filename).toBe("out_00001_.png");
  });
});

test("a prompt that has ended when its submission is answered was heard from its start", async () => {
  const late = {
    path: "/prompt",
    method: "POST",
    fault: "delay",
    when: "after",
    ms: 1_000,
  } as const;
  await server.set({ http: [late], history: { forgetAfterMs: 0 } });
  const nodeIds: string[] = [];
  const timing = {
    silenceLimitMs: () => undefined,
    noteEnd: (_: unknown, silencesMs: ReadonlyMap<string, number> | undefined) =>
      nodeIds.push(...(silencesMs?.keys() ?? [])),
  };
  const end = await run(clientOf(server.url), { timing, watch: { lateHistoryMs: 300 } });
  expect(outputOf(end, "4").filename).toBe("out_00001_.png");
  expect(nodeIds).toEqual(expect.arrayContaining(["1", "3", "4"]));
});

describe("a prompt submitted under another client id", () => {
  test("by a process that died is heard all the same", async () => {
    const { prompt, promptId } = await (async () => {
      await using before = clientOf(server.url);
      return await runningPrompt(before);
    })();
    const comfy = clientOf(server.url);
    const updates: PromptUpdate[] = [];
    const controller = new AbortController();
    const onProgress = (update: PromptUpdate) => updates.push(update);
    const following = followPrompt(comfy, promptId, {
      ...QUICK,
      signal: controller.signal,
      prompt,
      onProgress,
    });
    await eventually(() => updates.some(({ step }) => (step?.value ?? 0) > 1));
    controller.abort(new Error("enough"));
    await expect(following).rejects.toThrow("enough");
    await cancelPrompt(comfy, promptId, signal);
  });

  test("over a connection that broke since is heard all the same", async () => {
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await runningPrompt(comfy);
    const updates: PromptUpdate[] = [];
    const onProgress = (update: PromptUpdate) => updates.push(update);
    const following = followPrompt(comfy, promptId, { ...QUICK, prompt, onProgress });
    await eventually(() => updates.length > 2);
    await server.set({ dropSockets: true });
    await eventually(() => comfy.events.abnormalCloseCount > 0);
    const before = updates.length;
    await eventually(() => updates.length > before + 2);
    await cancelPrompt(comfy, promptId, signal);
    expect(await following).toEqual({ kind: "interrupted" });
  });
});

describe("following ends", () => {
  test("with the signal's reason when aborted, and the prompt goes on", async () => {
    const comfy = clientOf(server.url);
    const { promptId } = await runningPrompt(comfy);
    const controller = new AbortController();
    const following = followPrompt(comfy, promptId, { ...QUICK, signal: controller.signal });
    const reason = new Error("handed back");
    controller.abort(reason);
    await expect(following).rejects.toBe(reason);
    expect(await lookForPrompt(comfy, promptId, signal)).toMatchObject({ state: "running" });
    await cancelPrompt(comfy, promptId, signal);
  });

  test("with SERVER_STUCK when a running node gives no sign of life", async () => {
    await using stuck = await startCpuServer({
      switches: { nodes: [{ classType: "ImageUpscaleWithModel", fault: "hang" }] },
    });
    const following = run(clientOf(stuck.url), { stallMs: 600 });
    await expect(following).rejects.toMatchObject({ code: "SERVER_STUCK" });
  });

  test("with SERVER_STUCK when the prompt waits although nothing runs", async () => {
    await server.set({ workerDead: true });
    const comfy = clientOf(server.url);
    // One that was taken before the switch took effect.
    await submitted(comfy);
    const following = run(comfy, { watch: { deadWorkerMs: 600 } });
    await expect(following).rejects.toMatchObject({ code: "SERVER_STUCK" });
    await server.set({ workerDead: null });
    await eventually(async () => (await comfy.queueRemaining(signal)) === 0);
  });

  test("as lost when the server comes back without the prompt", async () => {
    await using other = await startCpuServer({
      switches: { simulate: { steps: 999, stepMs: 20 } },
    });
    const comfy = clientOf(other.url);
    const following = run(comfy, { watch: { lateHistoryMs: 60_000 } });
    await eventually(async () => (await comfy.queueRemaining(signal)) === 1);
    await other.restart();
    expect(await following).toEqual({ kind: "lost" });
  });

  test("with SERVER_UNREACHABLE when nothing listens there any more", async () => {
    await using other = await startCpuServer({
      switches: { simulate: { steps: 999, stepMs: 20 } },
    });
    const comfy = clientOf(other.url);
    const following = run(comfy, { watch: { refusedMs: 300 } });
    await eventually(async () => (await comfy.queueRemaining(signal)) === 1);
    const ended = expect(following).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await other.kill();
    await ended;
  });

  test("with SERVER_UNREACHABLE when the server has been silent for too long", async () => {
    const comfy = clientOf(server.url, { requestMs: 100 });
    const { promptId } = await runningPrompt(clientOf(server.url));
    await server.set({ ws: "silent", http: [{ path: "/queue", fault: "black-hole" }] });
    const watch = { silentMinMs: 300, silentMaxMs: 300 };
    const following = followPrompt(comfy, promptId, { ...QUICK, watch });
    await expect(following).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await server.set(BEHAVE);
    await cancelPrompt(comfy, promptId, signal);
  });
});
