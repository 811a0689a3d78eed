import { expect, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const RESTARTED = { ...ANSWER, restarted: true };
const NOW = new Date(1_000_000);
const later = (ms: number) => new Date(NOW.getTime() + ms);
const LONG = later(3_600_000);

function aServer(): PoolServer {
  const server = new PoolServer({ id: "gpu1", comfy: {} as ComfyServer, queueDepth: "auto" });
  server.noteAnswer(ANSWER, NOW);
  return server;
}

test("a server that failed is asked again only after a pause, and then gets one task at a time", () => {
  const server = aServer();
  server.health.noteFault("fault", "it failed", NOW, "a");
  expect(server).toMatchObject({
    state: "quarantined",
    takesWork: false,
    health: { reason: "it failed" },
  });
  expect(server.noteAnswer(ANSWER, later(100))).toBe(false);
  expect(server.noteAnswer(ANSWER, LONG)).toBe(true);
  expect(server).toMatchObject({ state: "half_open", takesWork: true });
  server.take("gpu1#0", { taskId: "b", workflow: "w", sent: Promise.resolve() });
  expect(server.takesWork).toBe(false);
});

test("the pauses grow with each fault in a row, and a success forgets them", () => {
  const server = aServer();
  const pauseAfterFault = () => {
    server.health.noteFault("fault", "it failed", NOW, "a");
    return (server.health.retryAt?.getTime() ?? 0) - NOW.getTime();
  };
  const first = pauseAfterFault();
  pauseAfterFault();
  pauseAfterFault();
  expect(pauseAfterFault()).toBeGreaterThan(2 * first);
  server.noteAnswer(ANSWER, LONG);
  expect(server.health.noteSuccess()).toBe(true);
  expect(server.state).toBe("ready");
  expect(pauseAfterFault()).toBeLessThanOrEqual(5_000);
});

test("a server that was out of reach is ready as soon as it answers", () => {
  const server = aServer();
  server.health.noteFault("unreachable", "silent", NOW);
  expect(server.noteAnswer(ANSWER, later(1_000))).toBe(true);
  expect(server).toMatchObject({ state: "ready", health: { reason: undefined } });
});

test("a server whose GPU is broken comes back by a restart alone, even if it is out of reach in between", () => {
  const server = aServer();
  server.health.noteFault("needs_restart", "CUDA error", NOW, "a");
  server.health.noteFault("unreachable", "silent", NOW, "b");
  expect(server.noteAnswer(ANSWER, LONG)).toBe(false);
  expect(server.noteAnswer(RESTARTED, LONG)).toBe(true);
  expect(server.state).toBe("half_open");
});

test("a server stays out while a prompt that would not stop runs on it", () => {
  const server = aServer();
  server.health.noteStuck("p");
  server.health.noteFault("fault", "stuck", NOW, "a");
  expect(server.noteAnswer(ANSWER, LONG)).toBe(false);
  server.health.noteUnstuck("p");
  expect(server.noteAnswer(ANSWER, LONG)).toBe(true);
});

test("a server that was restarted waits out no pause once the prompt that would not stop is known to be gone", () => {
  const server = aServer();
  server.health.noteFault("fault", "it does not stop a prompt", NOW, "a");
  server.health.noteStuck("p1");
  expect(server.noteAnswer(RESTARTED, later(100))).toBe(false);
  server.health.noteUnstuck("p1");
  expect(server.noteAnswer(ANSWER, later(200))).toBe(true);
  expect(server.state).toBe("half_open");
});

test("the first fault is held against its task, one of another task after it is not", () => {
  const server = aServer();
  expect(server.health.noteFault("fault", "it failed", NOW, "a")).toBe(true);
  server.noteAnswer(ANSWER, LONG);
  expect(server.health.noteFault("fault", "it failed", NOW, "b")).toBe(false);
  server.noteAnswer(ANSWER, LONG);
  expect(server.health.noteFault("fault", "it failed", NOW, "a")).toBe(false);
});

test("a task that fails again on a server on trial is to blame, but not if the server refused it unseen", () => {
  const server = aServer();
  server.health.noteFault("fault", "it failed", NOW, "a");
  server.noteAnswer(ANSWER, LONG);
  expect(server.health.noteFault("refusal", "answered 500", NOW, "a")).toBe(false);
  server.noteAnswer(ANSWER, LONG);
  expect(server.health.noteFault("fault", "it failed", NOW, "a")).toBe(true);
});

test("a prompt that ends well on a server taken out meanwhile does not let it in again", () => {
  const server = aServer();
  server.health.noteFault("fault", "it failed", NOW, "a");
  expect(server.health.noteSuccess()).toBe(false);
  expect(server).toMatchObject({ state: "quarantined" });
  expect(server.health.hasFailed("a")).toBe(true);
});
