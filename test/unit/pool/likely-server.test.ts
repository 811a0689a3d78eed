import { expect, test } from "vitest";
import type { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { createLogger } from "../../../src/lib/logger.js";
import { likelyServer } from "../../../src/pool/likely-server.js";
import { Pool } from "../../../src/pool/pool.js";
import { PoolServer } from "../../../src/pool/server/pool-server.js";
import type { Workflow } from "../../../src/workflow/workflow.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const NEVER = new AbortController().signal;
const workflow = { name: "w", prompt: {}, parameters: [], models: [] } as unknown as Workflow;

function aServer(id: string): PoolServer {
  const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth: 1 });
  server.noteAnswer(ANSWER, new Date());
  return server;
}

function aPool(servers: readonly PoolServer[]): Pool {
  const limits = { maxBypassCount: 8, maxBypassMs: 30_000 };
  return new Pool({ servers, logger: createLogger("silent"), ...limits });
}

function request(taskId: string) {
  const bindSlot = async () => "ok" as const;
  const holder = { taskId, workflow: "w", bindSlot, sent: Promise.resolve() };
  return { holder, workflow, parameters: {}, priority: 1, dueAt: new Date(0), bypassCount: 0 };
}

test("likelyServer() is the one that the task would get now", async () => {
  const [first, second] = [aServer("gpu1"), aServer("gpu2")];
  using pool = aPool([first, second]);
  const taken = await pool.acquire(request("a"), NEVER);
  expect(likelyServer(pool, request("b"))).toBe(taken === first ? second : first);
});

test("likelyServer() is the only one that can run it, even where that is busy", async () => {
  const [able, other] = [aServer("gpu1"), aServer("gpu2")];
  using pool = aPool([able, other]);
  const suits = (server: PoolServer): boolean => server === able;
  await pool.acquire({ ...request("a"), suits }, NEVER);
  expect(likelyServer(pool, { ...request("b"), suits })).toBe(able);
});

test("likelyServer() is none of several that are busy, nor one that is down", async () => {
  const servers = [aServer("gpu1"), aServer("gpu2")];
  using pool = aPool(servers);
  for (const taskId of ["a", "b"]) await pool.acquire(request(taskId), NEVER);
  expect(likelyServer(pool, request("c"))).toBeUndefined();
  const down = aServer("gpu3");
  using alone = aPool([down]);
  alone.noteFault(down, "unreachable", "it is down");
  expect(likelyServer(alone, request("c"))).toBeUndefined();
});
