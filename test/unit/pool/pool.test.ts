import { expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { TaskError } from "../../../src/domain/errors.js";
import { createLogger } from "../../../src/lib/logger.js";
import { anyPrompt } from "../../../src/pool/learned/timed-prompt.js";
import { Pool, type SlotTaker } from "../../../src/pool/pool.js";
import { PoolServer } from "../../../src/pool/server/pool-server.js";
import type { Workflow } from "../../../src/workflow/workflow.js";

type BindSlot = SlotTaker["bindSlot"];

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const NEVER = new AbortController().signal;
const workflow = { name: "w", prompt: {}, parameters: [], models: [] } as unknown as Workflow;

function aServer(id: string, queueDepth: 1 | 2 | "auto" = 1): PoolServer {
  const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth });
  server.noteAnswer(ANSWER, new Date());
  return server;
}

function aPool(servers: readonly PoolServer[]): Pool {
  const limits = { maxBypassCount: 8, maxBypassMs: 30_000 };
  return new Pool({ servers, logger: createLogger("silent"), ...limits });
}

function request(taskId: string, bindSlot: BindSlot = async () => "ok") {
  const holder = { taskId, workflow: "w", bindSlot, sent: Promise.resolve() };
  const dueAt = new Date(0);
  return { holder, workflow, parameters: {}, priority: 1, dueAt, bypassCount: 0 };
}

/** The slots of a server that are held, and by whom. */
const heldOn = (server: PoolServer) =>
  Object.fromEntries([...server.held].map(([slot, { taskId }]) => [slot, taskId]));

test("Pool.acquire() waits on while the store cannot be reached", async () => {
  let isDown = true;
  const server = aServer("gpu1");
  using pool = aPool([server]);
  const asking = request("a", async () => {
    if (!isDown) return "ok";
    isDown = false;
    throw new TaskError("STORE_UNAVAILABLE", "Cannot reach the database");
  });
  expect(await pool.acquire(asking, NEVER)).toBe(server);
  expect(heldOn(server)).toEqual({ "gpu1#0": "a" });
});

test("Pool.acquire() leaves a slot that another process holds for a while", async () => {
  const answers: ("ok" | "busy")[] = ["busy", "ok"];
  const server = aServer("gpu1");
  using pool = aPool([server]);
  const bindSlot: BindSlot = async () => answers.shift() ?? "busy";
  await pool.acquire(request("a", bindSlot), NEVER);
  expect(heldOn(server)).toEqual({ "gpu1#0": "a" });
});

test("Pool.acquire() throws what a holder throws that may have no slot any more, and the slot is free", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server]);
  const canceled = new Error("canceled");
  const bindSlot: BindSlot = () => Promise.reject(canceled);
  await expect(pool.acquire(request("a", bindSlot), NEVER)).rejects.toBe(canceled);
  expect(heldOn(server)).toEqual({});
});

test("an adopted slot is not given away, and only its own holder gives it back", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server]);
  const [former, present] = [request("a").holder, request("a").holder];
  pool.adopt("gpu1#0", present);
  const waiting = pool.acquire(request("b"), NEVER);
  pool.release("gpu1#0", former);
  expect(server.held.get("gpu1#0")).toBe(present);
  pool.release("gpu1#0", present);
  await waiting;
  expect(heldOn(server)).toEqual({ "gpu1#0": "b" });
});

test("a slot given back is seen by listeners before it is given away", async () => {
  const [silent, other] = [aServer("gpu1"), aServer("gpu2")];
  using pool = aPool([silent, other]);
  const { holder } = request("a");
  pool.adopt("gpu2#0", holder);
  silent.health.noteFault("unreachable", "silent", new Date());
  const waiting = pool.acquire(request("b"), NEVER);
  const seen: boolean[] = [];
  const hasRoom = () => pool.hasRoomBeside(silent, request("c"));
  pool.subscribe(() => seen.push(hasRoom()));
  expect(hasRoom()).toBe(false);
  pool.release("gpu2#0", holder);
  expect(await waiting).toBe(other);
  expect(seen[0]).toBe(true);
});

test("a server on trial gets a task that has not failed there yet", async () => {
  const server = aServer("gpu1");
  server.health.noteFault("refusal", "answered 500", new Date(0), "a");
  using pool = aPool([server]);
  const old = pool.acquire(request("a"), AbortSignal.timeout(120_000));
  const other = request("b");
  const young = pool.acquire(other, NEVER);
  server.noteAnswer(ANSWER, new Date());
  pool.changed();
  expect(await young).toBe(server);
  server.health.noteSuccess();
  pool.release("gpu1#0", other.holder);
  expect(await old).toBe(server);
});

/** A prompt of "w" with an input of this size ran on a server for so long. */
function noteRun(pool: Pool, server: PoolServer, framePixels: number, runMs: number): void {
  const { serverClass } = server;
  for (const prompt of [{ kind: "k", framePixels }, anyPrompt("w")])
    pool.learned.noteRun({ prompt, serverClass, warmth: "warm" }, runMs);
  pool.changed();
}

function sized(taskId: string, framePixels: number | undefined) {
  const asked = request(taskId);
  return { ...asked, holder: { ...asked.holder, timed: { kind: "k", framePixels } } };
}

test.each([[100], [undefined]])(
  "a second prompt is queued as soon as the first of its kind was short, its size being %s",
  async (framePixels) => {
    const server = aServer("gpu1", "auto");
    using pool = aPool([server]);
    await pool.acquire(sized("a", framePixels), NEVER);
    const second = pool.acquire(sized("b", framePixels), NEVER);
    noteRun(pool, server, 100, 50);
    await second;
    expect(heldOn(server)).toEqual({ "gpu1#0": "a", "gpu1#1": "b" });
  },
);

test.each([
  ["a short prompt waits behind no long one", 80_000, 100],
  ["a long prompt waits behind no short one", 100, 80_000],
])("%s, though their kind is known", async (_, first, second) => {
  const server = aServer("gpu1", "auto");
  using pool = aPool([server]);
  noteRun(pool, server, 100, 1_000);
  const running = sized("a", first);
  await pool.acquire(running, NEVER);
  const waiting = pool.acquire(sized("b", second), NEVER);
  await new Promise(setImmediate);
  expect(heldOn(server)).toEqual({ "gpu1#0": "a" });
  pool.release("gpu1#0", running.holder);
  await waiting;
  expect(heldOn(server)).toEqual({ "gpu1#0": "b" });
});

test("a task that was passed over for long before it was leased is passed over no longer", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server]);
  server.noteBound("w2");
  const other = { ...workflow, name: "w2" } as Workflow;
  const first = request("x").holder;
  pool.adopt("gpu1#0", first);
  const overdue = { ...request("a"), bypassedForMs: 30_000 };
  const old = pool.acquire(overdue, NEVER);
  const young = pool.acquire({ ...request("b"), workflow: other }, AbortSignal.timeout(120_000));
  young.catch(() => undefined);
  pool.release("gpu1#0", first);
  await old;
  expect(heldOn(server)).toEqual({ "gpu1#0": "a" });
  pool.release("gpu1#0", overdue.holder);
  await young;
  expect(heldOn(server)).toEqual({ "gpu1#0": "b" });
});
