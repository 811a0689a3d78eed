import { expect, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { endsSoon } from "../../../../src/pool/learned/ends-soon.js";
import { LearnedTimes } from "../../../../src/pool/learned/learned-times.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";

const clip = { kind: "k", framePixels: 100 };
const film = { kind: "k", framePixels: 80_000 };
const learned = new LearnedTimes();
const serverClass = "gpu1";
learned.noteRun({ prompt: clip, serverClass, warmth: "warm" }, 10_000);

function serverWith(prompt: typeof clip, runningSinceMs?: number): PoolServer {
  const server = new PoolServer({ id: "gpu1", comfy: {} as ComfyServer, queueDepth: "auto" });
  server.prompts.noteSent("ahead", prompt, 1);
  if (runningSinceMs !== undefined) server.prompts.noteRunning("ahead", runningSinceMs);
  return server;
}

test.each([
  [8_000, false],
  [8_001, true],
  [11_999, true],
  [12_000, false],
])("endsSoon() of a prompt that is to run for 10 s, after %i ms: %s", (ranMs, expected) => {
  expect(endsSoon(serverWith(clip, 5_000), "ahead", learned, 5_000 + ranMs)).toBe(expected);
});

test("endsSoon() goes by the size of the input", () => {
  expect(endsSoon(serverWith(film, 5_000), "ahead", learned, 15_000)).toBe(false);
});

test("endsSoon() is not known of a prompt that was not seen running, of a stranger's, and of one never timed", () => {
  const known = serverWith(clip, 5_000);
  expect(endsSoon(serverWith(clip), "ahead", learned, 15_000)).toBe(false);
  expect(endsSoon(known, "other", learned, 15_000)).toBe(false);
  expect(endsSoon(known, "ahead", new LearnedTimes(), 15_000)).toBe(false);
});
