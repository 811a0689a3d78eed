import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../src/lib/logger.js";
import { createAddressGuard, type LookupAll } from "../../../src/net/address-guard.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { TELL_FOR_MS } from "../../../src/store/webhook-outbox.js";
import { WebhookSender } from "../../../src/webhook/sender.js";
import { eventually } from "../../support/eventually.js";
import { HOOK_SECRET, type HookReceiver, startHookReceiver } from "../../support/hook-receiver.js";
import { aLease, COMPLETED, createOne, fenceOf } from "../../support/task-store-builders.js";
import { tempDir } from "../../support/temp-dir.js";

const EVENTS = ["task.processing", "task.completed"] as const;
const HOUR_MS = 3_600_000;

/** A sender on a store of its own, whose time the test moves. */
interface Bench extends AsyncDisposable {
  readonly store: TaskStore;
  advance(ms: number): void;
  /** Runs a task to its end. @returns its id. */
  run(url: string): Promise<string>;
  /** The statuses of the tries of a task's newest event. */
  tries(taskId: string): Promise<readonly (number | string | undefined)[]>;
  states(taskId: string): Promise<readonly string[]>;
}

interface BenchOptions {
  readonly allow?: readonly string[];
  readonly lookup?: LookupAll;
  readonly callLimitMs?: number;
}

async function startBench(options: BenchOptions = {}): Promise<Bench> {
  let nowMs = Date.now();
  const store = await openEmbeddedStore({ directory: await tempDir(), clock: () => nowMs });
  const { allow = ["127.0.0.1"], callLimitMs = 300, ...rest } = options;
  const sender = new WebhookSender({
    outbox: store.outbox,
    guard: createAddressGuard({ allow, ...rest }),
    secrets: [HOOK_SECRET],
    write: async ({ event, deliveryId, task: { taskId, status } }) =>
      JSON.stringify({ type: event, id: deliveryId, data: { task_id: taskId, status } }),
    ...{ userAgent: "tmlsr", logger: createLogger("silent") },
    ...{ callLimitMs, pollMs: 10, now: () => nowMs },
  });
  const deliveries = (taskId: string) => store.outbox.deliveries(taskId);
  return {
    store,
    advance: (ms) => {
      nowMs += ms;
    },
    run: async (url) => {
      const { taskId } = await createOne(store, { webhook: { url, events: EVENTS } });
      const task = await store.lease(aLease());
      if (task) await store.settle(fenceOf(task), COMPLETED);
      return taskId;
    },
    tries: async (taskId) =>
      (await deliveries(taskId)).flatMap(({ tries }) =>
        tries.map(({ status, error }) => status ?? error),
      ),
    states: async (taskId) => (await deliveries(taskId)).map(({ state }) => state),
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Whatever else was due had its turn by then. */
async function otherIsTold(bench: Bench): Promise<void> {
  const { url } = await startHookReceiver();
  const taskId = await bench.run(url);
  await eventually(async () =>
    expect(await bench.states(taskId)).toEqual(["delivered", "delivered"]),
  );
}

const typesOf = ({ events }: HookReceiver) => events.map(({ type }) => type);

test("a receiver that refuses for an hour gets every event in the end, in order", async () => {
  await using bench = await startBench();
  const receiver = await startHookReceiver();
  let isUp = false;
  const came: string[] = [];
  receiver.answer = (response, { type }) => {
    if (isUp) came.push(type);
    response.writeHead(isUp ? 200 : 503).end();
  };
  const taskId = await bench.run(receiver.url);
  for (let i = 0; i < 6; i++) {
    const before = receiver.events.length;
    await eventually(() => {
      bench.advance(60_000);
      expect(receiver.events.length).toBeGreaterThan(before);
    });
    expect(new Set(typesOf(receiver))).toEqual(new Set(["task.processing"]));
  }
  isUp = true;
  await eventually(async () => {
    bench.advance(HOUR_MS / 60);
    expect(await bench.states(taskId)).toEqual(["delivered", "delivered"]);
  });
  expect(came).toEqual(EVENTS);
  expect([receiver.forgedCount, receiver.mostOpen]).toEqual([0, 1]);
  const ids = new Set(receiver.events.slice(0, -1).map(({ id }) => id));
  expect(ids.size).toBe(1);
});

test("Retry-After is waited for, and a redirect is no success and not followed", async () => {
  await using bench = await startBench();
  const receiver = await startHookReceiver();
  const target = await startHookReceiver();
  receiver.answer = (response) =>
    response.writeHead(302, { location: target.url, "retry-after": "1800" }).end();
  const taskId = await bench.run(receiver.url);
  await eventually(async () => expect(await bench.tries(taskId)).toEqual([302]));
  bench.advance(1_700_000);
  await otherIsTold(bench);
  expect(await bench.tries(taskId)).toEqual([302]);
  bench.advance(100_000);
  await eventually(async () => expect(await bench.tries(taskId)).toEqual([302, 302]));
  expect(target.events).toEqual([]);
});

test("a receiver that is gone for good is told nothing more of the task", async () => {
  await using bench = await startBench();
  const receiver = await startHookReceiver();
  receiver.answer = (response) => response.writeHead(410).end();
  const taskId = await bench.run(receiver.url);
  await eventually(async () => expect(await bench.states(taskId)).toEqual(["failed", "failed"]));
  bench.advance(HOUR_MS);
  await otherIsTold(bench);
  expect(typesOf(receiver)).toEqual(["task.processing"]);
});

test("a receiver that stalls or cuts the connection holds nobody else up", async () => {
  await using bench = await startBench();
  const stalled = createServer((socket) => socket.on("error", () => {}).resume());
  const cutting = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 2"));
  for (const server of [stalled, cutting]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
  }
  const urlOf = (server: typeof stalled) =>
    `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  const slow = await bench.run(urlOf(stalled));
  for (let i = 0; i < 20; i++) await bench.run(urlOf(stalled));
  const cut = await bench.run(urlOf(cutting));
  const receiver = await startHookReceiver();
  const taskId = await bench.run(receiver.url);
  await eventually(async () =>
    expect(await bench.states(taskId)).toEqual(["delivered", "delivered"]),
  );
  await eventually(async () => expect(await bench.tries(slow)).toEqual(["no answer in time"]));
  const [error] = await eventually(async () => {
    const tries = await bench.tries(cut);
    return tries.length > 0 && tries;
  });
  expect(error).toBe("the connection was cut, or what came is not HTTP");
});

test("an answer counts by its status, however long it says that it is, and is not read to its end", async () => {
  await using bench = await startBench({ callLimitMs: 25_000 });
  const receiver = await startHookReceiver();
  receiver.answer = (response) => {
    response.writeHead(200, { "content-length": "1000000" });
    response.write("x".repeat(5_000));
  };
  const taskId = await bench.run(receiver.url);
  const isDelivered = async () =>
    expect(await bench.states(taskId)).toEqual(["delivered", "delivered"]);
  await eventually(isDelivered, { limitMs: 150_000 });
  expect(typesOf(receiver)).toEqual(EVENTS);
});

test("a name that leads to a private address by now is not called, though it was before", async () => {
  const addresses = ["127.0.0.1"];
  const lookup: LookupAll = (_host, _options, callback) =>
    callback(null, [{ address: addresses.at(-1) ?? "", family: 4 }]);
  await using bench = await startBench({ allow: ["127.0.0.1"], lookup });
  const receiver = await startHookReceiver();
  receiver.answer = (response) => response.writeHead(503).end();
  let connectionCount = 0;
  const inside = createServer((socket) => {
    connectionCount += 1;
    socket.destroy();
  });
  inside.listen(receiver.port, "127.0.0.2");
  await once(inside, "listening");
  onTestFinished(() => void inside.close());
  const taskId = await bench.run(`http://hooks.example.com:${receiver.port}/`);
  await eventually(async () => expect(await bench.tries(taskId)).toEqual([503]));
  addresses.push("127.0.0.2");
  bench.advance(60_000);
  const refused = "the address is not public and not allowed";
  await eventually(async () => expect(await bench.tries(taskId)).toEqual([503, refused]));
  expect([connectionCount, receiver.events.length]).toEqual([0, 1]);
});

test("what was not taken for a day is given up", async () => {
  await using bench = await startBench();
  const taskId = await bench.run("http://127.0.0.1:1/");
  await eventually(async () =>
    expect(await bench.tries(taskId)).toEqual(["the connection was refused"]),
  );
  bench.advance(TELL_FOR_MS);
  expect(await bench.store.outbox.giveUp(5)).toBe(1);
  expect(await bench.states(taskId)).toEqual(["failed", "failed"]);
});
