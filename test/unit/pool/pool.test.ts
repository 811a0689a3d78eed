import { expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { TaskError } from "../../../src/domain/errors.js";
import { createLogger } from "../../../src/lib/logger.js";
import { Pool, type SlotTaker } from "../../../src/pool/pool.js";
import { PoolServer } from "../../../src/pool/pool-server.js";
import type { Workflow } from "../../../src/workflow/workflow.js";

type BindSlot = SlotTaker["bindSlot"];

const NEVER = new AbortController().signal;
const workflow = { name: "w", prompt: {}, parameters: [], models: [] } as unknown as Workflow;

function aServer(id: string, queueDepth: 1 | 2 | "auto" = 1): PoolServer {
  const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth });
  server.capability = { classes: new Map() };
  server.noteAnswer(false, new Date());
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
  silent.noteFault("unreachable", "silent", new Date());
  const waiting = pool.acquire(request("b"), NEVER);
  const seen: boolean[] = [];
  pool.subscribe(() => seen.push(pool.hasRoomBeside(silent, workflow)));
  expect(pool.hasRoomBeside(silent, workflow)).toBe(false);
  pool.release("gpu2#0", holder);
  expect(await waiting).toBe(other);
  expect(seen[0]).toBe(true);
});

test("a server on trial gets a task that has not failed there yet", async () => {
  const server = aServer("gpu1");
  server.noteFault("refusal", "answered 500", new Date(0), "a");
  using pool = aPool([server]);
  const old = pool.acquire(request("a"), AbortSignal.timeout(5_000));
  const other = request("b");
  const young = pool.acquire(other, NEVER);
  server.noteAnswer(false, new Date());
  pool.changed();
  expect(await young).toBe(server);
  server.noteSuccess();
  pool.release("gpu1#0", other.holder);
  expect(await old).toBe(server);
});

test("a second prompt is queued as soon as the first of its workflow was short", async () => {
  const server = aServer("gpu1", "auto");
  using pool = aPool([server]);
  await pool.acquire(request("a"), NEVER);
  const second = pool.acquire(request("b"), NEVER);
  pool.noteSuccess(server, "w", 50);
  await second;
  expect(heldOn(server)).toEqual({ "gpu1#0": "a", "gpu1#1": "b" });
});

test("a task that was passed over for long before it was leased is passed over no longer", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server]);
  server.loadedWorkflow = "w2";
  const other = { ...workflow, name: "w2" } as Workflow;
  const first = request("x").holder;
  pool.adopt("gpu1#0", first);
  const overdue = { ...request("a"), bypassedForMs: 30_000 };
  const old = pool.acquire(overdue, NEVER);
  const young = pool.acquire({ ...request("b"), workflow: other }, AbortSignal.timeout(5_000));
  young.catch(() => undefined);
  pool.release("gpu1#0", first);
  await old;
  expect(heldOn(server)).toEqual({ "gpu1#0": "a" });
  pool.release("gpu1#0", overdue.holder);
  await young;
  expect(heldOn(server)).toEqual({ "gpu1#0": "b" });
});
