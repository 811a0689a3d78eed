import { expect, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { LearnedTimes } from "../../../../src/pool/learned/learned-times.js";
import { PromptTiming } from "../../../../src/pool/learned/prompt-timing.js";
import { anyPrompt } from "../../../../src/pool/learned/timed-prompt.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";

const PROMPT = { kind: "k", framePixels: 1_000 };
const MIN_MS = 60_000;
const SUCCESS = { kind: "success", executedMs: 400 };

function aPool() {
  const learned = new LearnedTimes();
  const server = new PoolServer({ id: "gpu1", comfy: {} as ComfyServer, queueDepth: "auto" });
  const predictions: (number | undefined)[] = [];
  const onLearned = () => predictions.push(learned.predictMs(PROMPT, server.serverClass));
  const options = { learned, server, workflow: "w", prompt: PROMPT, silenceMinMs: MIN_MS };
  const aTiming = () => new PromptTiming({ ...options, onLearned });
  /** A prompt runs, the longest silence of its node 1 being this. */
  const run = (number: number, silenceMs: number, variant?: string): void => {
    const timing = aTiming();
    timing.noteSent({ promptId: `p${number}`, ...(variant !== undefined && { variant }) }, number);
    timing.noteEnd(SUCCESS, new Map([["1", silenceMs]]));
  };
  /** How long node 1 of the next prompt may be silent. */
  const limitMs = (number: number, variant?: string): number | undefined => {
    const timing = aTiming();
    timing.noteSent({ promptId: `p${number}`, ...(variant !== undefined && { variant }) }, number);
    const limit = timing.silenceLimitMs("1");
    server.prompts.noteEnd(`p${number}`, "withdrawn");
    return limit;
  };
  return { learned, server, predictions, aTiming, run, limitMs };
}

test("how long a prompt ran is known when that is told, of its kind and of its workflow", () => {
  const { learned, server, predictions, run } = aPool();
  run(0, 1);
  expect(predictions).toEqual([400]);
  expect(learned.predictMs(anyPrompt("w"), server.serverClass)).toBe(400);
});

test("a node may be silent for five times the longest that was seen, and never less than the minimum", () => {
  const { run, limitMs } = aPool();
  run(0, 1_000);
  run(1, 1_000);
  expect(limitMs(2)).toBe(MIN_MS);
  run(3, 20_000);
  expect(limitMs(4)).toBe(100_000);
});

test("nothing is told of a node that was never timed, nor learned of one whose prompt failed or was not heard", () => {
  const { aTiming, limitMs, predictions } = aPool();
  expect(limitMs(0)).toBeUndefined();
  const timing = aTiming();
  timing.noteSent({ promptId: "failed" }, 1);
  timing.noteEnd({ kind: "failed" }, new Map([["1", 1]]));
  const unheard = aTiming();
  unheard.noteSent({ promptId: "unheard" }, 2);
  unheard.noteEnd(SUCCESS, undefined);
  expect(limitMs(3)).toBeUndefined();
  expect(predictions).toEqual([400]);
});

test("nodes of different variants have nothing to do with each other", () => {
  const { run, limitMs } = aPool();
  run(0, 20_000, "core");
  expect(limitMs(1, "pack")).toBeUndefined();
  expect(limitMs(2)).toBeUndefined();
  expect(limitMs(3, "core")).toBe(100_000);
});
