import { expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { PoolServer } from "../../../src/pool/pool-server.js";

const NOW = new Date(1_000_000);
const later = (ms: number) => new Date(NOW.getTime() + ms);
const LONG = later(3_600_000);

function aServer(): PoolServer {
  const server = new PoolServer({ id: "gpu1", comfy: {} as ComfyServer, queueDepth: "auto" });
  server.noteAnswer(false, NOW);
  return server;
}

test("a server that failed is asked again only after a pause, and then gets one task at a time", () => {
  const server = aServer();
  server.noteFault("fault", "it failed", NOW, "a");
  expect(server).toMatchObject({ state: "quarantined", reason: "it failed", takesWork: false });
  expect(server.noteAnswer(false, later(100))).toBe(false);
  expect(server.noteAnswer(false, LONG)).toBe(true);
  expect(server).toMatchObject({ state: "half_open", takesWork: true });
  server.take("gpu1#0", { taskId: "b", workflow: "w", sent: Promise.resolve() });
  expect(server.takesWork).toBe(false);
});

test("the pauses grow with each fault in a row, and a success forgets them", () => {
  const server = aServer();
  const pauseAfterFault = () => {
    server.noteFault("fault", "it failed", NOW, "a");
    return (server.retryAt?.getTime() ?? 0) - NOW.getTime();
  };
  const first = pauseAfterFault();
  pauseAfterFault();
  pauseAfterFault();
  expect(pauseAfterFault()).toBeGreaterThan(2 * first);
  server.noteAnswer(false, LONG);
  expect(server.noteSuccess()).toBe(true);
  expect(server.state).toBe("ready");
  expect(pauseAfterFault()).toBeLessThanOrEqual(5_000);
});

test("a server that was out of reach is ready as soon as it answers", () => {
  const server = aServer();
  server.noteFault("unreachable", "silent", NOW);
  expect(server.noteAnswer(false, later(1_000))).toBe(true);
  expect(server).toMatchObject({ state: "ready", reason: undefined });
});

test("a server whose GPU is broken comes back by a restart alone, even if it is out of reach in between", () => {
  const server = aServer();
  server.noteFault("needs_restart", "CUDA error", NOW, "a");
  server.noteFault("unreachable", "silent", NOW, "b");
  expect(server.noteAnswer(false, LONG)).toBe(false);
  expect(server.noteAnswer(true, LONG)).toBe(true);
  expect(server.state).toBe("half_open");
});

test("a server stays out while a prompt that would not stop runs on it", () => {
  const server = aServer();
  server.stuckPromptIds.add("p");
  server.noteFault("fault", "stuck", NOW, "a");
  expect(server.noteAnswer(false, LONG)).toBe(false);
  server.stuckPromptIds.delete("p");
  expect(server.noteAnswer(false, LONG)).toBe(true);
});

test("a server that was restarted waits out no pause once the prompt that would not stop is known to be gone", () => {
  const server = aServer();
  server.noteFault("fault", "it does not stop a prompt", NOW, "a");
  server.stuckPromptIds.add("p1");
  expect(server.noteAnswer(true, later(100))).toBe(false);
  server.stuckPromptIds.delete("p1");
  expect(server.noteAnswer(false, later(200))).toBe(true);
  expect(server.state).toBe("half_open");
});

test("the first fault is held against its task, one of another task after it is not", () => {
  const server = aServer();
  expect(server.noteFault("fault", "it failed", NOW, "a")).toBe(true);
  server.noteAnswer(false, LONG);
  expect(server.noteFault("fault", "it failed", NOW, "b")).toBe(false);
  server.noteAnswer(false, LONG);
  expect(server.noteFault("fault", "it failed", NOW, "a")).toBe(false);
});

test("a task that fails again on a server on trial is to blame, but not if the server refused it unseen", () => {
  const server = aServer();
  server.noteFault("fault", "it failed", NOW, "a");
  server.noteAnswer(false, LONG);
  expect(server.noteFault("refusal", "answered 500", NOW, "a")).toBe(false);
  server.noteAnswer(false, LONG);
  expect(server.noteFault("fault", "it failed", NOW, "a")).toBe(true);
});

test("a prompt that ends well on a server taken out meanwhile does not let it in again", () => {
  const server = aServer();
  server.noteFault("fault", "it failed", NOW, "a");
  expect(server.noteSuccess()).toBe(false);
  expect(server).toMatchObject({ state: "quarantined" });
  expect(server.hasFailed("a")).toBe(true);
});
