import { expect, onTestFinished, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { createLogger } from "../../../../src/lib/logger.js";
import { Pool, type SlotTaker } from "../../../../src/pool/pool.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";
import { LeaveQueue, QueueWatch } from "../../../../src/scheduler/run/queue-watch.js";
import type { Workflow } from "../../../../src/workflow/workflow.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const NEVER = new AbortController().signal;
const workflow = { name: "w", prompt: {}, parameters: [], models: [] } as unknown as Workflow;
const BEHIND = { state: "pending", aheadId: "ahead" };
const RUNNING = { state: "running" };

function aHolder(taskId: string, bindSlot: SlotTaker["bindSlot"] = async () => "ok"): SlotTaker {
  return { taskId, workflow: "w", sent: Promise.resolve(), bindSlot };
}

function aRequest(holder: SlotTaker) {
  return { holder, workflow, parameters: {}, priority: 1, dueAt: new Date(1_000), bypassCount: 0 };
}

/** Two servers: prompts run and wait on the first, the second is held by another task until it is freed. */
function aWatch(bindSlot?: SlotTaker["bindSlot"]) {
  const servers = ["gpu1", "gpu2"].map((id) => {
    const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth: 2 });
    server.noteAnswer(ANSWER, new Date());
    return server;
  }) as [PoolServer, PoolServer];
  const [server, other] = servers;
  const logger = createLogger("silent");
  const pool = new Pool({ servers, logger, maxBypassCount: 8, maxBypassMs: 30_000 });
  const [ahead, holder, busy] = [aHolder("ahead"), aHolder("behind", bindSlot), aHolder("busy")];
  pool.adopt("gpu1#0", ahead);
  pool.adopt("gpu1#1", holder);
  pool.adopt("gpu2#0", busy);
  const watch = new QueueWatch(pool, server, aRequest(holder));
  const free = (): void => pool.release("gpu2#0", busy);
  for (const one of [pool, watch]) onTestFinished(() => one[Symbol.dispose]());
  return { pool, server, other, holder, watch, free };
}

/** Why the prompt should leave, once it should. */
async function reasonOf({ signal }: QueueWatch): Promise<LeaveQueue> {
  if (!signal?.aborted)
    await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
  expect(signal?.reason).toBeInstanceOf(LeaveQueue);
  return signal?.reason as LeaveQueue;
}

/** Lets the pool match, and what waits for it go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a prompt that waits behind another leaves for a server that becomes idle", async () => {
  const { pool, server, other, holder, watch, free } = aWatch();
  watch.noteSighting(BEHIND);
  await settled();
  expect(watch.signal?.aborted).toBe(false);
  free();
  const { reservation } = await reasonOf(watch);
  expect(await reservation?.handOver()).toBe(other);
  watch[Symbol.dispose]();
  expect(other.held.get("gpu2#0")).toBe(holder);
  pool.release("gpu1#1", holder);
  expect(server.held.size).toBe(1);
});

test("a prompt that runs stays, and nothing is kept for it", async () => {
  const { other, watch, free } = aWatch();
  watch.noteSighting(BEHIND);
  watch.noteSighting(RUNNING);
  free();
  await settled();
  expect(watch.signal?.aborted).toBe(false);
  expect(other.held.size).toBe(0);
});

test("a slot that was kept is free again when the watch ends, and when another process was faster", async () => {
  for (const end of ["watch", "handOver"] as const) {
    const { other, watch, free } = aWatch(async () => "busy");
    watch.noteSighting(BEHIND);
    free();
    const { reservation } = await reasonOf(watch);
    expect(other.held.size).toBe(1);
    if (end === "watch") watch[Symbol.dispose]();
    else expect(await reservation?.handOver()).toBeUndefined();
    expect(other.held.size).toBe(0);
  }
});

test("a task whose turn is before gets the idle server, and the prompt stays", async () => {
  const { pool, other, watch, free } = aWatch();
  const first = aHolder("first");
  watch.noteSighting(BEHIND);
  const waiting = pool.acquire({ ...aRequest(first), priority: 2 }, NEVER);
  free();
  expect(await waiting).toBe(other);
  await settled();
  expect(watch.signal?.aborted).toBe(false);
});

test("a prompt stays while the one ahead is about to end, and leaves when that should have ended", async () => {
  const { pool, server, watch, free } = aWatch();
  const prompt = { kind: "k", framePixels: 1 };
  const { serverClass } = server;
  const runFor = (ms: number, promptId: string): void => {
    server.prompts.noteSent(promptId, prompt, 1);
    server.prompts.noteRunning(promptId, performance.now() - ms);
  };
  pool.learned.noteRun({ prompt, serverClass, warmth: "warm" }, 60_000);
  runFor(59_000, "ahead");
  watch.noteSighting(BEHIND);
  free();
  await settled();
  expect(watch.signal?.aborted).toBe(false);
  runFor(63_000, "late");
  watch.noteSighting({ ...BEHIND, aheadId: "late" });
  pool.changed();
  await reasonOf(watch);
});

test("a prompt leaves a server that is stuck by another one, until that is ignored", async () => {
  const { pool, server, watch } = aWatch();
  server.health.noteStuck("ahead");
  pool.changed();
  expect((await reasonOf(watch)).reservation).toBeUndefined();
  watch.ignore();
  expect(watch.signal).toBeUndefined();
});
