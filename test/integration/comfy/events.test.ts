import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cancelPrompt } from "../../../src/comfy/prompt/cancel-prompt.js";
import type { PromptUpdate } from "../../../src/comfy/prompt/prompt-progress.js";
import { submitPrompt } from "../../../src/comfy/prompt/submit-prompt.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { listen } from "../../support/cpu-server-client.js";
import { eventually } from "../../support/eventually.js";
import { clientOf, followPrompt, networkPrompt, signal } from "./support.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 1_000, stepMs: 20 } } });
});
afterAll(() => server[Symbol.asyncDispose]());

describe("the event connection", () => {
  test("is one, kept, and made under a new client id each time", async () => {
    const { events } = clientOf(server.url);
    const first = await events.clientId(signal);
    expect(await events.clientId(signal)).toBe(first);
    await server.set({ dropSockets: true });
    await eventually(() => events.abnormalCloseCount === 1);
    const second = await eventually(async () => {
      const id = await events.clientId(signal);
      return id !== first && id;
    });
    expect(second).toMatch(/^[-0-9a-f]{36}$/);
  });

  test("is given up when no ping is answered, which is no sign of a restart", async () => {
    await using frozen = await startCpuServer();
    const { events } = clientOf(frozen.url, { pingMs: 100 });
    const first = await events.clientId(signal);
    process.kill(frozen.pid, "SIGSTOP");
    await eventually(() => events.socketOf(first) === undefined);
    process.kill(frozen.pid, "SIGCONT");
    await eventually(
      async () => events.socketOf(await events.clientId(signal))?.isHearing === true,
    );
    expect(events.abnormalCloseCount).toBe(0);
  });

  test("holds no submission up where it is not to be had, but the first", async () => {
    await using mute = await startCpuServer({ switches: { ws: "silent" } });
    const { events } = clientOf(mute.url);
    await events.clientId(signal);
    const waiting = new Promise((resolve) => setImmediate(resolve, "still waiting"));
    const second = await Promise.race([events.clientId(signal), waiting]);
    expect(second).not.toBe("still waiting");
  });

  test("gone deaf is noticed when a prompt is submitted, and heard again", async () => {
    const comfy = clientOf(server.url, { statusMs: 200 });
    const clientId = await comfy.events.clientId(signal);
    // A second socket under the same id, when it closes, takes the first one's registration with it.
    await (await listen(server.url, clientId))[Symbol.asyncDispose]();
    const made = await networkPrompt(comfy);
    await submitPrompt(comfy, made, signal);
    const updates: PromptUpdate[] = [];
    const onProgress = (update: PromptUpdate) => updates.push(update);
    const options = { stallMs: 20_000, pollMs: 100, signal, prompt: made.prompt, onProgress };
    const following = followPrompt(comfy, made.promptId, options);
    await eventually(() => updates.some(({ step }) => (step?.value ?? 0) > 1));
    await cancelPrompt(comfy, made.promptId, signal);
    expect(await following).toEqual({ kind: "interrupted" });
  });

  test("gone deaf while a prompt runs is made anew", async () => {
    const comfy = clientOf(server.url, { deafMs: 300 });
    const made = await networkPrompt(comfy);
    await submitPrompt(comfy, made, signal);
    const updates: PromptUpdate[] = [];
    const onProgress = (update: PromptUpdate) => updates.push(update);
    const options = { stallMs: 20_000, pollMs: 50, signal, prompt: made.prompt, onProgress };
    const following = followPrompt(comfy, made.promptId, options);
    await eventually(() => updates.length > 2);
    const clientId = await comfy.events.clientId(signal);
    await (await listen(server.url, clientId))[Symbol.asyncDispose]();
    const before = updates.length;
    await eventually(() => updates.length > before + 2);
    await cancelPrompt(comfy, made.promptId, signal);
    expect(await following).toEqual({ kind: "interrupted" });
  });

  test("leaves no socket behind when its server's client is disposed", async () => {
    await using other = await startCpuServer();
    const comfy = clientOf(other.url);
    await comfy.events.clientId(signal);
    await comfy[Symbol.asyncDispose]();
    await comfy[Symbol.asyncDispose]();
    await expect(comfy.events.clientId(signal)).rejects.toThrow("after its disposal");
  });
});
