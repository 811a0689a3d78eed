import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import type { JsonValue } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImplSpec } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished } from "vitest";
import { toConnectError } from "../../../../src/api/calls/error-mapping.js";
import { TaskError } from "../../../../src/domain/errors.js";
import { MonitorService } from "../../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskStatus } from "../../../../src/gen/tmlsr/v1/task_pb.js";
import {
  TaskService,
  type WatchTaskRequest,
} from "../../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../../support/eventually.js";
import { implement, startRest } from "./rest-server.js";

const WATCH = "/tasks/1:watch";

function processing(cursor: string) {
  return { cursor, task: { taskId: "1", status: TaskStatus.PROCESSING } };
}

type Watch = (
  request: WatchTaskRequest,
  context: HandlerContext,
) => AsyncGenerator<ReturnType<typeof processing>>;

function watching(watchTask: Watch): ServiceImplSpec[] {
  return [implement(TaskService, { watchTask })];
}

/** Yields two states and ends. */
const watchTwo: Watch = async function* () {
  yield processing("7");
  yield processing("8");
};

/** Yields one state, then waits for its signal. */
function watchOpen(seen: { signal?: AbortSignal; isOver?: boolean }): Watch {
  return async function* (_request, { signal }) {
    seen.signal = signal;
    try {
      yield processing("1");
      await once(signal, "abort");
      signal.throwIfAborted();
    } finally {
      seen.isOver = true;
    }
  };
}

const shuttingDown = toConnectError(new TaskError("SHUTTING_DOWN", "The service is shutting down"));

function dataOf(event: string): JsonValue {
  return JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "null") as JsonValue;
}

describe("a stream over REST", () => {
  it.each([
    ...[undefined, "text/event-stream", "*/*", "text/html, */*;q=0.1", "application/json"],
    ...["text/event-stream, application/x-ndjson", "*/*, application/x-ndjson;q=0", "", ";q=x,/"],
  ])("is server-sent events for Accept: %s", async (accept) => {
    const { url } = await startRest(watching(watchTwo));
    const headers = accept === undefined ? {} : { accept };
    const response = await fetch(url + WATCH, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    const [first = "", second, end, rest] = (await response.text()).split("\n\n");
    expect(first).toMatch(
      /^id: 7\ndata: {"task":{"task_id":"1","status":"processing",.*},"cursor":"7"}$/,
    );
    expect(second).toMatch(/^id: 8\ndata: {"task":{"task_id":"1"/);
    expect([end, rest]).toEqual(["event: end\ndata: {}", ""]);
  });

  it.each([
    "application/x-ndjson",
    "application/x-ndjson, text/event-stream;q=0.9",
    "application/*, text/event-stream;q=0",
    "*/*, application/x-ndjson",
    "application/x-ndjson, text/event-stream",
  ])("is one JSON object a line for Accept: %s", async (accept) => {
    const { url } = await startRest(watching(watchTwo));
    const response = await fetch(url + WATCH, { headers: { accept } });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const lines = (await response.text()).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as JsonValue)).toMatchObject([
      { task: { task_id: "1", status: "processing", output: null }, cursor: "7" },
      { task: { task_id: "1", status: "processing", output: null }, cursor: "8" },
    ]);
  });

  it("unwraps messages by response_body, and has no ids where they have no cursor", async () => {
    const monitor = implement(MonitorService, {
      async *watchStats() {
        yield { stats: { system: { maxWorkers: 2 } } };
      },
    });
    const { url } = await startRest([monitor]);
    const [first = ""] = (await (await fetch(`${url}/monitor/stats:watch`)).text()).split("\n\n");
    expect(first).toMatch(/^data: /);
    expect(dataOf(first)).toMatchObject({ system: { max_workers: 2, queue_size: 0 } });
  });

  it("resumes by Last-Event-ID", async () => {
    const cursors: string[] = [];
    const { url } = await startRest(
      watching(async function* ({ cursor }) {
        cursors.push(cursor);
        yield processing("9");
      }),
    );
    await (await fetch(url + WATCH, { headers: { "Last-Event-ID": "8" } })).text();
    await (await fetch(`${url + WATCH}?cursor=5`, { headers: { "Last-Event-ID": "8" } })).text();
    expect(cursors).toEqual(["8", "5"]);
  });

  it("may end without a message", async () => {
    const { url } = await startRest(watching(async function* () {}));
    const response = await fetch(url + WATCH);
    expect([response.status, await response.text()]).toEqual([200, "event: end\ndata: {}\n\n"]);
  });

  it("answers HEAD with its headers and closes the call", async () => {
    const seen: { isOver?: boolean } = {};
    const { url } = await startRest(watching(watchOpen(seen)));
    const response = await fetch(url + WATCH, { method: "HEAD" });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await response.text()).toBe("");
    await eventually(() => seen.isOver === true);
  });

  it("sends comments while nothing happens", async () => {
    const { url } = await startRest(watching(watchOpen({})), { heartbeatMs: 10 });
    const events = await openEvents(url + WATCH);
    await eventually(() => (events.text.match(/^: heartbeat$/gm) ?? []).length >= 2);
  });

  it.each(["text/event-stream", "application/x-ndjson"])(
    "begins before there is a first message, and ends with an error that comes later, as %s",
    async (accept) => {
      let fail: (error: Error) => void = () => undefined;
      const failure = new Promise<never>((_resolve, reject) => {
        fail = reject;
      });
      const { url } = await startRest(
        // biome-ignore lint/correctness/useYield: it fails before it has anything to say
        watching(async function* () {
          await failure;
        }),
        { heartbeatMs: 10 },
      );
      const response = await fetch(url + WATCH, { headers: { accept } });
      expect(response.status).toBe(200);
      fail(new TaskError("TASK_NOT_FOUND", "Task not found"));
      expect(await response.text()).toContain('"code":"TASK_NOT_FOUND"');
    },
  );

  it("goes over HTTP/2 and ends when its client cancels it", async () => {
    const seen: { isOver?: boolean } = {};
    const { url } = await startRest(watching(watchOpen(seen)), { http2: true });
    const session = connectHttp2(url);
    onTestFinished(() => session.close());
    const stream = session.request({ ":path": WATCH });
    let received = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      received += chunk;
    });
    await eventually(() => received.includes("\n\n"));
    expect(received).toMatch(/^id: 1\ndata: /);
    stream.close();
    await eventually(() => seen.isOver === true);
  });
});

describe("a failing stream over REST", () => {
  it("is a plain answer before the first message", async () => {
    const { url } = await startRest(
      // biome-ignore lint/correctness/useYield: it fails before
      watching(async function* () {
        throw new TaskError("TASK_NOT_FOUND", "No such task");
      }),
    );
    const response = await fetch(url + WATCH);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ detail: "Task not found" });
  });

  const watchFailing: Watch = async function* () {
    yield processing("1");
    throw new TaskError("STORE_UNAVAILABLE", "Cannot read the task: the store is gone");
  };

  it("ends with an event of type error", async () => {
    const { url } = await startRest(watching(watchFailing));
    const events = (await (await fetch(url + WATCH)).text()).split("\n\n");
    expect(events).toHaveLength(3);
    expect(events[1]).toMatch(/^event: error\n/);
    expect(dataOf(events[1] ?? "")).toMatchObject({ code: "STORE_UNAVAILABLE", title: /./ });
  });

  it("ends with a line that is the problem", async () => {
    const { url } = await startRest(watching(watchFailing));
    const headers = { accept: "application/x-ndjson" };
    const lines = (await (await fetch(url + WATCH, { headers })).text()).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});

describe("an open stream over REST", () => {
  it("is aborted when its client goes away", async () => {
    const seen: { signal?: AbortSignal; isOver?: boolean } = {};
    const { url } = await startRest(watching(watchOpen(seen)));
    const events = await openEvents(url + WATCH);
    await eventually(() => events.text !== "");
    events.close();
    await eventually(() => seen.isOver === true && seen.signal?.aborted);
  });

  it("ends with UNAVAILABLE on shutdown, even if its handler does not notice", async () => {
    const shutdown = new AbortController();
    const { url } = await startRest(
      watching(async function* () {
        yield processing("1");
        await new Promise(() => undefined);
      }),
      { shutdownSignal: shutdown.signal },
    );
    const events = await openEvents(url + WATCH);
    await eventually(() => events.text !== "");
    shutdown.abort(shuttingDown);
    await events.ended;
    const last = events.text.split("\n\n").at(-2) ?? "";
    expect(last).toMatch(/^event: error\n/);
    expect(dataOf(last)).toMatchObject({ code: "SHUTTING_DOWN", title: "Service Unavailable" });
  });

  it("takes no more from its handler than its client reads", async () => {
    const progress = { count: 0, isOver: false };
    const { port } = await startRest(watching(endless(progress)));
    const socket = await stalledReader(port);
    const before = await settled(() => progress.count);
    expect(before).toBeLessThan(100);
    socket.resume();
    await eventually(() => progress.count > before + 10);
    socket.destroy();
    await eventually(() => progress.isOver);
  });

  it("is cut off when its client reads nothing for too long", async () => {
    const progress = { count: 0, isOver: false };
    const { port } = await startRest(watching(endless(progress)), { stalledReaderMs: 50 });
    await stalledReader(port);
    await eventually(() => progress.isOver);
  });
});

/** Yields large states as fast as they are taken. */
function endless(progress: { count: number; isOver: boolean }): Watch {
  return async function* () {
    try {
      for (;;) {
        progress.count += 1;
        yield processing("x".repeat(1_000_000));
        await new Promise(setImmediate);
      }
    } finally {
      progress.isOver = true;
    }
  };
}

/** Asks for the stream and reads nothing of it. */
async function stalledReader(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${WATCH} HTTP/1.1\r\nHost: test\r\n\r\n`);
  return socket;
}

/** A number once it has stopped growing. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  await eventually(
    () => {
      const now = read();
      const isSettled = now > 0 && now === last;
      last = now;
      return isSettled;
    },
    { intervalMs: 100 },
  );
  return last;
}

/** Collects the text of an open stream. */
async function openEvents(url: string) {
  const client = new AbortController();
  onTestFinished(() => client.abort());
  const response = await fetch(url, { signal: client.signal });
  const events = { text: "", ended: Promise.resolve(), close: () => client.abort() };
  const read = async () => {
    if (response.body === null) return;
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      events.text += chunk;
    }
  };
  events.ended = read().catch(() => undefined);
  return events;
}
