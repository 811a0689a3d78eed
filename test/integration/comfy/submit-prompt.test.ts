import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { cancelPrompt } from "../../../src/comfy/prompt/cancel-prompt.js";
import { lookForPrompt } from "../../../src/comfy/prompt/look-for-prompt.js";
import type { PromptUpdate } from "../../../src/comfy/prompt/prompt-progress.js";
import { submitPrompt, UncertainSubmission } from "../../../src/comfy/prompt/submit-prompt.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import {
  clientOf,
  followPrompt,
  networkPrompt,
  quickPrompt,
  signal,
  type TestPrompt,
} from "./support.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
beforeEach(() =>
  server.set({ http: null, newer: null, uniqueIds: null, simulate: { steps: 2, stepMs: 1 } }),
);
afterAll(() => server[Symbol.asyncDispose]());

const STALL = { stallMs: 30_000, signal };

/** How often a prompt was begun. */
async function startCount(promptId: string): Promise<number> {
  const log = await server.log();
  return log.filter((entry) => entry.promptId === promptId && entry.event === "started").length;
}

describe("submitPrompt()", () => {
  test.each([false, true])(
    "has a prompt run, with what was sent along (newer server: %s)",
    async (newer) => {
      await server.set({ newer });
      const comfy = clientOf(server.url);
      const { prompt, promptId } = await quickPrompt(comfy);
      await submitPrompt(comfy, { prompt, promptId, extraData: { task_id: "task 7" } }, signal);
      expect(await followPrompt(comfy, promptId, STALL)).toMatchObject({ kind: "success" });
      const entry = (await server.log()).find((one) => one.promptId === promptId);
      expect(entry?.taskId).toBe("task 7");
    },
  );

  test("blames the prompt for a value no server takes, and the server for a file it lacks", async () => {
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    const withInput = (id: string, input: object) => ({
      ...prompt,
      [id]: {
        class_type: prompt[id]?.class_type ?? "",
        inputs: { ...prompt[id]?.inputs, ...input },
      },
    });
    const submit = (changed: TestPrompt["prompt"]) =>
      submitPrompt(comfy, { prompt: changed, promptId }, signal);
    await expect(submit(withInput("2", { upscale_method: "magic" }))).rejects.toMatchObject({
      code: "PROMPT_REJECTED",
      message: expect.stringContaining("magic"),
    });
    await expect(submit(withInput("1", { image: "nope.png" }))).rejects.toMatchObject({
      code: "SERVER_FAULT",
    });
    const stranger = { ...prompt, "9": { class_type: "NoSuchNode", inputs: {} } };
    await expect(submit(stranger)).rejects.toMatchObject({
      code: "SERVER_FAULT",
      message: expect.stringContaining('"NoSuchNode"'),
    });
    expect(await startCount(promptId)).toBe(0);
  });

  test("takes a prompt of which outputs were dropped for refused, and takes it back", async () => {
    const comfy = clientOf(server.url);
    await server.set({ simulate: { steps: 1_000, stepMs: 20 } });
    const { prompt, promptId } = await networkPrompt(comfy);
    const bad = { class_type: "SaveImage", inputs: { images: ["1", 1], filename_prefix: "x" } };
    const submitting = submitPrompt(comfy, { prompt: { ...prompt, "5": bad }, promptId }, signal);
    await expect(submitting).rejects.toMatchObject({
      code: "PROMPT_REJECTED",
      message: expect.stringContaining('node "5" (SaveImage)'),
    });
    expect(await comfy.queueRemaining(signal)).toBe(0);
  });

  test("refuses a server that runs prompts under ids of its own", async () => {
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    const body = JSON.stringify({ prompt_id: "its own", number: 7, node_errors: {} });
    const answer = { fault: "answer", status: 200, body } as const;
    await server.set({ http: [{ path: "/prompt", method: "POST", ...answer }] });
    await expect(submitPrompt(comfy, { prompt, promptId }, signal)).rejects.toMatchObject({
      code: "SERVER_FAULT",
      message: expect.stringContaining("a newer ComfyUI is needed"),
    });
  });

  test("sends nodes without inputs so that the server survives them", async () => {
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    const odd = { ...prompt, "9": { class_type: "ImageScale" } } as unknown as TestPrompt["prompt"];
    await submitPrompt(comfy, { prompt: odd, promptId }, signal);
    expect(await followPrompt(comfy, promptId, STALL)).toMatchObject({ kind: "success" });
  });
});

describe("submitPrompt() without a clear answer", () => {
  const submitted = async (comfy: ComfyServer): Promise<string> => {
    const { prompt, promptId } = await quickPrompt(comfy);
    await submitPrompt(comfy, { prompt, promptId }, signal);
    return promptId;
  };

  test.each([
    ["cut", { fault: "cut", when: "after" }],
    ["500", { fault: "answer", when: "after", status: 500 }],
    ["silence", { fault: "black-hole", when: "after" }],
    ["nonsense", { fault: "answer", when: "after", status: 200, body: "<html>" }],
    ["half of it", { fault: "truncate", bytes: 4 }],
  ] as const)("(%s) finds the prompt accepted, and has it run once", async (_, fault) => {
    const comfy = clientOf(server.url, { slowRequestMs: 3_000 });
    await server.set({ http: [{ path: "/prompt", method: "POST", ...fault }] });
    const promptId = await submitted(comfy);
    expect(await followPrompt(comfy, promptId, STALL)).toMatchObject({ kind: "success" });
    expect(await startCount(promptId)).toBe(1);
  });

  test.each([
    ["cut", { fault: "cut" }, "SERVER_UNREACHABLE"],
    ["500", { fault: "answer", status: 500 }, "SERVER_FAULT"],
  ] as const)(
    "(%s) finds the prompt not accepted, and does not send it again",
    async (_, fault, code) => {
      const comfy = clientOf(server.url);
      const { prompt, promptId } = await quickPrompt(comfy);
      await server.set({ http: [{ path: "/prompt", method: "POST", count: 1, ...fault }] });
      const error = await submitPrompt(comfy, { prompt, promptId }, signal).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code });
      expect(error).not.toBeInstanceOf(UncertainSubmission);
      expect(await lookForPrompt(comfy, promptId, signal)).toEqual({ state: "absent" });
    },
  );

  test("finds the prompt that a server has already, which takes an id once", async () => {
    await server.set({ uniqueIds: true });
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    await submitPrompt(comfy, { prompt, promptId }, signal);
    await submitPrompt(comfy, { prompt, promptId }, signal);
    expect(await followPrompt(comfy, promptId, STALL)).toMatchObject({ kind: "success" });
    await submitPrompt(comfy, { prompt, promptId }, signal);
    expect(await startCount(promptId)).toBe(1);
  });

  test("blames the server for a 409 where it does not have the prompt", async () => {
    const comfy = clientOf(server.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    const conflict = { fault: "answer", status: 409 } as const;
    await server.set({ http: [{ path: "/prompt", method: "POST", ...conflict }] });
    await expect(submitPrompt(comfy, { prompt, promptId }, signal)).rejects.toMatchObject({
      code: "SERVER_FAULT",
      message: expect.stringContaining("answered 409"),
    });
  });

  test("looks until the server answers again", async () => {
    const comfy = clientOf(server.url);
    await server.set({
      http: [
        { path: "/prompt", method: "POST", when: "after", fault: "cut" },
        { path: "/queue", fault: "answer", status: 500, count: 2 },
        { path: "/history/*", fault: "cut", count: 1 },
      ],
    });
    const promptId = await submitted(comfy);
    expect(await startCount(promptId)).toBe(1);
  });

  test("says that the prompt may run when the server cannot be asked in time", async () => {
    const comfy = clientOf(server.url, { lookUpMs: 300 });
    const { prompt, promptId } = await quickPrompt(comfy);
    await server.set({
      http: [
        { path: "/prompt", method: "POST", when: "after", fault: "cut" },
        { path: "/queue", fault: "black-hole" },
      ],
    });
    await expect(submitPrompt(comfy, { prompt, promptId }, signal)).rejects.toThrow(
      UncertainSubmission,
    );
  });

  test("is sure of a refused connection: nothing was sent", async () => {
    await using gone = await startCpuServer();
    const comfy = clientOf(gone.url);
    const { prompt, promptId } = await quickPrompt(comfy);
    await gone.kill();
    const error = await submitPrompt(comfy, { prompt, promptId }, signal).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "SERVER_UNREACHABLE" });
    expect(error).not.toBeInstanceOf(UncertainSubmission);
  });
});

/** A prompt on its way from the queue to the history, on a server that does not do it in one step. */
const EMPTY_QUEUE_ONCE = {
  path: "/queue",
  method: "GET",
  count: 1,
  fault: "answer",
  status: 200,
  body: JSON.stringify({ queue_running: [], queue_pending: [] }),
} as const;

test("lookForPrompt() is not taken in by one look that misses the prompt", async () => {
  await server.set({ simulate: { steps: 1_000, stepMs: 20 } });
  const comfy = clientOf(server.url);
  const { prompt, promptId } = await networkPrompt(comfy);
  await submitPrompt(comfy, { prompt, promptId }, signal);
  await server.set({ http: [EMPTY_QUEUE_ONCE] });
  expect((await lookForPrompt(comfy, promptId, signal)).state).not.toBe("absent");
  await cancelPrompt(comfy, promptId, signal);
});

describe("cancelPrompt()", () => {
  const slow = { simulate: { steps: 1_000, stepMs: 20 } };
  const submitted = async (comfy: ComfyServer): Promise<string> => {
    const { prompt, promptId } = await networkPrompt(comfy);
    await submitPrompt(comfy, { prompt, promptId }, signal);
    return promptId;
  };
  const isState = async (comfy: ComfyServer, promptId: string, state: string) =>
    (await lookForPrompt(comfy, promptId, signal)).state === state;

  test.each([false, true])(
    "stops a running prompt and leaves the waiting one (jobs API: %s)",
    async (newer) => {
      await server.set({ ...slow, newer });
      const comfy = clientOf(server.url);
      const [first, second] = [await submitted(comfy), await submitted(comfy)];
      await eventually(() => isState(comfy, first, "running"));
      await cancelPrompt(comfy, first, signal);
      await expect(lookForPrompt(comfy, first, signal)).resolves.toMatchObject({
        end: { kind: "interrupted" },
      });
      await eventually(() => isState(comfy, second, "running"));
      await cancelPrompt(comfy, second, signal);
      expect(await comfy.queueRemaining(signal)).toBe(0);
    },
  );

  test.each([false, true])(
    "takes a waiting prompt out and lets the other run (jobs API: %s)",
    async (newer) => {
      await server.set({ ...slow, newer });
      const comfy = clientOf(server.url);
      const [first, second] = [await submitted(comfy), await submitted(comfy)];
      await cancelPrompt(comfy, second, signal);
      expect(await startCount(second)).toBe(0);
      await eventually(() => isState(comfy, first, "running"));
      await cancelPrompt(comfy, first, signal);
    },
  );

  test("wins against the start of a prompt, however close", async () => {
    await server.set(slow);
    const comfy = clientOf(server.url);
    for (let count = 0; count < 10; count++) {
      const promptId = await submitted(comfy);
      await cancelPrompt(comfy, promptId, signal);
      expect(await comfy.queueRemaining(signal)).toBe(0);
    }
  });

  test("is not taken in by one look that misses the prompt", async () => {
    await server.set(slow);
    const comfy = clientOf(server.url);
    const promptId = await submitted(comfy);
    await server.set({ http: [EMPTY_QUEUE_ONCE] });
    await cancelPrompt(comfy, promptId, signal);
    expect(await comfy.queueRemaining(signal)).toBe(0);
  });

  test("is done at once with a prompt that ended, and with one that never was", async () => {
    const comfy = clientOf(server.url);
    const promptId = await submitted(comfy);
    await followPrompt(comfy, promptId, STALL);
    await cancelPrompt(comfy, promptId, signal);
    await cancelPrompt(comfy, "00000000-0000-4000-8000-000000000000", signal);
  });

  test("waits for a node that hears no interrupt, and says so when that takes too long", async () => {
    await server.set({ simulate: { steps: 3, stepMs: 1_000, uninterruptible: true } });
    const comfy = clientOf(server.url, { cancelMs: 100 });
    const { prompt, promptId } = await networkPrompt(comfy);
    await submitPrompt(comfy, { prompt, promptId }, signal);
    let runningNode: string | undefined;
    const onProgress = (update: PromptUpdate) => {
      runningNode = update.runningNode;
    };
    const following = followPrompt(comfy, promptId, { ...STALL, prompt, onProgress });
    await eventually(() => runningNode === "ImageUpscaleWithModel");
    await expect(cancelPrompt(comfy, promptId, signal)).rejects.toMatchObject({
      code: "SERVER_STUCK",
    });
    await cancelPrompt(clientOf(server.url), promptId, signal);
    expect(await comfy.queueRemaining(signal)).toBe(0);
    expect(await following).toEqual({ kind: "interrupted" });
  });

  test("says so when the server cannot be asked", async () => {
    await server.set({ http: [{ path: "/queue", fault: "cut" }] });
    const canceling = cancelPrompt(
      clientOf(server.url),
      "00000000-0000-4000-8000-000000000000",
      signal,
    );
    await expect(canceling).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  });
});
