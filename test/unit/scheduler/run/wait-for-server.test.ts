import { expect, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { createLogger } from "../../../../src/lib/logger.js";
import { Pool } from "../../../../src/pool/pool.js";
import { PoolServer } from "../../../../src/pool/server/pool-server.js";
import { waitForServer } from "../../../../src/scheduler/run/wait-for-server.js";
import type { Workflow } from "../../../../src/workflow/workflow.js";

const ANSWER = { restarted: false, capability: { classes: new Map() } };
const NEVER = new AbortController().signal;
const OTHER = { taskId: "b", workflow: "w", sent: Promise.resolve() };
const workflow = { name: "w", prompt: {}, parameters: [], models: [] } as unknown as Workflow;
const REQUEST = { holder: { workflow: "w" }, workflow, parameters: {} };

function twoServers() {
  const servers = ["gpu1", "gpu2"].map((id) => {
    const server = new PoolServer({ id, comfy: {} as ComfyServer, queueDepth: 1 });
    server.noteAnswer(ANSWER, new Date());
    return server;
  });
  const [silent, other] = servers as [PoolServer, PoolServer];
  const logger = createLogger("silent");
  const pool = new Pool({ servers, logger, maxBypassCount: 8, maxBypassMs: 30_000 });
  pool.adopt("gpu1#0", { ...OTHER, taskId: "a" });
  silent.health.noteFault("unreachable", "silent", new Date(0));
  return { pool, silent, other };
}

test("waitForServer() gives up at once where another server is free", async () => {
  const { pool, silent } = twoServers();
  expect(await waitForServer(pool, silent, REQUEST, NEVER)).toBe("given_up");
});

test("waitForServer() waits on while the other server is busy, until that has room", async () => {
  const { pool, silent } = twoServers();
  pool.adopt("gpu2#0", OTHER);
  const ends: string[] = [];
  const waiting = waitForServer(pool, silent, REQUEST, NEVER).then((end) => ends.push(end));
  pool.changed();
  await Promise.resolve();
  expect(ends).toEqual([]);
  pool.release("gpu2#0", OTHER);
  await waiting;
  expect(ends).toEqual(["given_up"]);
});

test("waitForServer() answers when the server is back", async () => {
  const { pool, silent } = twoServers();
  pool.adopt("gpu2#0", OTHER);
  const waiting = waitForServer(pool, silent, REQUEST, NEVER);
  silent.noteAnswer(ANSWER, new Date());
  pool.changed();
  expect(await waiting).toBe("back");
});

test("waitForServer() answers when the server is back without what the workflow needs", async () => {
  const { pool, silent } = twoServers();
  const prompt = { "1": { class_type: "Gone", inputs: {} } };
  const gone = { ...REQUEST, workflow: { ...workflow, prompt } };
  const waiting = waitForServer(pool, silent, gone, NEVER);
  silent.noteAnswer(ANSWER, new Date());
  pool.changed();
  expect(await waiting).toBe("back");
});

test("waitForServer() ends with its signal, and listens no longer", async () => {
  const { pool, silent } = twoServers();
  pool.adopt("gpu2#0", OTHER);
  const stop = new AbortController();
  const waiting = waitForServer(pool, silent, REQUEST, stop.signal);
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
});
