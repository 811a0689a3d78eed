import { expect, test } from "vitest";
import type { ComfyServer } from "../../../../src/comfy/comfy-server.js";
import { PoolServer, type SlotHolder } from "../../../../src/pool/server/pool-server.js";
import { waitForTurn } from "../../../../src/scheduler/run/wait-for-turn.js";

const NEVER = new AbortController().signal;

function aServer(): PoolServer {
  return new PoolServer({ id: "gpu1", comfy: {} as ComfyServer, queueDepth: 2 });
}

function aHolder(taskId: string): SlotHolder & { readonly send: () => void } {
  let send = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    send = resolve;
  });
  return { taskId, workflow: "w", sent, send };
}

test("waitForTurn() waits for those that got their slots before, and for no one else", async () => {
  const server = aServer();
  const [first, second] = [aHolder("a"), aHolder("b")];
  server.take("gpu1#1", first);
  server.take("gpu1#0", second);
  await waitForTurn(server, first, NEVER);
  const order: string[] = [];
  const turn = waitForTurn(server, second, NEVER).then(() => order.push("second's turn"));
  order.push("first sent");
  first.send();
  await turn;
  expect(order).toEqual(["first sent", "second's turn"]);
});

test("waitForTurn() waits for a moment only, should one before be long in sending", async () => {
  const server = aServer();
  const [first, second] = [aHolder("a"), aHolder("b")];
  server.take("gpu1#0", first);
  server.take("gpu1#1", second);
  await waitForTurn(server, second, NEVER);
});

test("waitForTurn() ends with the task", async () => {
  const server = aServer();
  const [first, second] = [aHolder("a"), aHolder("b")];
  server.take("gpu1#0", first);
  server.take("gpu1#1", second);
  const ended = new AbortController();
  const turn = waitForTurn(server, second, ended.signal);
  ended.abort(new Error("lost"));
  await expect(turn).rejects.toThrow("lost");
});
