import { expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { TaskError } from "../../../src/domain/errors.js";
import { createLogger } from "../../../src/lib/logger.js";
import { Pool, type SlotBook } from "../../../src/pool/pool.js";
import { PoolServer } from "../../../src/pool/pool-server.js";
import type { Workflow } from "../../../src/workflow/workflow.js";

type Answer = Awaited<ReturnType<SlotBook["bindSlot"]>>;

const NEVER = new AbortController().signal;
const workflow = { name: "w", prompt: {}, parameters: [] } as unknown as Workflow;

function aServer(id: string, queueDepth: 1 | 2 | "auto" = 1): PoolServer {
  const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth });
  server.capability = { classes: new Map() };
  server.noteAnswer(false, new Date());
  return server;
}

function aPool(servers: readonly PoolServer[], bindSlot: () => Promise<Answer>): Pool {
  const limits = { maxBypassCount: 8, maxBypassMs: 30_000 };
  return new Pool({ servers, slots: { bindSlot }, logger: createLogger("silent"), ...limits });
}

function request(taskId: string) {
  const fence = { taskId, epoch: 1 };
  const dueAt = new Date(0);
  return { fence, workflow, parameters: {}, priority: 1, dueAt, bypassCount: 0 };
}

test("Pool.acquire() waits on while the store cannot be reached", async () => {
  let isDown = true;
  using pool = aPool([aServer("gpu1")], async () => {
    if (!isDown) return "ok";
    isDown = false;
    throw new TaskError("STORE_UNAVAILABLE", "Cannot reach the database");
  });
  expect((await pool.acquire(request("a"), NEVER)).slot).toBe("gpu1#0");
});

test("Pool.acquire() leaves a slot that another process holds for a while", async () => {
  const answers: Answer[] = ["busy", "ok"];
  using pool = aPool([aServer("gpu1")], async () => answers.shift() ?? "lost");
  expect((await pool.acquire(request("a"), NEVER)).slot).toBe("gpu1#0");
});

test("an adopted slot is not given away, and only its own holder gives it back", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server], async () => "ok");
  pool.adopt("gpu1#0", { taskId: "a", epoch: 2 }, "w");
  const waiting = pool.acquire(request("b"), NEVER);
  pool.release({ taskId: "a", epoch: 1 });
  expect([...server.held.values()]).toEqual([{ taskId: "a", epoch: 2, workflow: "w" }]);
  pool.release({ taskId: "a", epoch: 2 });
  expect((await waiting).slot).toBe("gpu1#0");
});

test("a slot given back is seen by listeners before it is given away", async () => {
  const [silent, other] = [aServer("gpu1"), aServer("gpu2")];
  using pool = aPool([silent, other], async () => "ok");
  pool.adopt("gpu2#0", { taskId: "a", epoch: 1 }, "w");
  silent.noteFault("unreachable", "silent", new Date());
  const waiting = pool.acquire(request("b"), NEVER);
  const seen: boolean[] = [];
  pool.subscribe(() => seen.push(pool.hasRoomBeside(silent, workflow)));
  expect(pool.hasRoomBeside(silent, workflow)).toBe(false);
  pool.release({ taskId: "a", epoch: 1 });
  expect((await waiting).server).toBe(other);
  expect(seen[0]).toBe(true);
});

test("a server on trial gets a task that has not failed there yet", async () => {
  const server = aServer("gpu1");
  server.noteFault("refusal", "answered 500", new Date(0), "a");
  using pool = aPool([server], async () => "ok");
  const old = pool.acquire(request("a"), AbortSignal.timeout(5_000));
  const young = pool.acquire(request("b"), NEVER);
  server.noteAnswer(false, new Date());
  pool.changed();
  expect((await young).server).toBe(server);
  server.noteSuccess();
  pool.release({ taskId: "b", epoch: 1 });
  expect((await old).server).toBe(server);
});

test("a second prompt is queued as soon as the first of its workflow was short", async () => {
  const server = aServer("gpu1", "auto");
  using pool = aPool([server], async () => "ok");
  await pool.acquire(request("a"), NEVER);
  const second = pool.acquire(request("b"), NEVER);
  pool.noteSuccess(server, "w", 50);
  expect((await second).slot).toBe("gpu1#1");
});

test("a task that was passed over for long before it was leased is passed over no longer", async () => {
  const server = aServer("gpu1");
  using pool = aPool([server], async () => "ok");
  server.loadedWorkflow = "w2";
  const other = { ...workflow, name: "w2" } as Workflow;
  pool.adopt("gpu1#0", { taskId: "x", epoch: 1 }, "w2");
  const old = pool.acquire({ ...request("a"), bypassedForMs: 30_000 }, NEVER);
  const young = pool.acquire({ ...request("b"), workflow: other }, AbortSignal.timeout(5_000));
  young.catch(() => undefined);
  pool.release({ taskId: "x", epoch: 1 });
  expect((await old).slot).toBe("gpu1#0");
  pool.release({ taskId: "a", epoch: 1 });
  expect((await young).slot).toBe("gpu1#0");
});
