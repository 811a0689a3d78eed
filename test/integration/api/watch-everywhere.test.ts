import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { expect, test, vi } from "vitest";
import { StageStatus, TaskStatus } from "../../../src/gen/tmlsr/v1/task_pb.js";
import { TaskService, type WatchTaskResponse } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { openEvents, openLines } from "../../support/event-stream.js";
import { eventually } from "../../support/eventually.js";
import { aStage, COMPLETED } from "../../support/task-store-builders.js";
import type { RestAnswer } from "../../support/test-app.js";
import { useTestApp } from "../../support/use-test-app.js";

// One task, created over REST, watched over every protocol while the test moves it through the store.

const api = useTestApp();

/** What is compared between protocols. */
interface Seen {
  readonly cursor: string;
  readonly status: string;
  readonly progress: number;
  /** Each stage begun, with its status. */
  readonly stages: readonly string[];
}

type Watch = (taskId: string, cursor?: string) => AsyncIterable<Seen>;

const TRANSPORTS: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  "gRPC by connect-node": (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-Web by connect-node": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect by connect-node": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
};

const WATCHES: Readonly<Record<string, Watch>> = {
  async *"gRPC by grpc-js"(taskId, cursor = "") {
    for await (const message of api.app.grpc.tasks.watchTask({ taskId, cursor }))
      yield fromProto(message);
  },
  ...Object.fromEntries(
    Object.entries(TRANSPORTS).map(([name, createTransport]): [string, Watch] => [
      name,
      async function* watch(taskId, cursor = "") {
        const client = createClient(TaskService, createTransport(api.app.url));
        for await (const message of client.watchTask({ taskId, cursor })) yield fromProto(message);
      },
    ]),
  ),
  async *"server-sent events by fetch"(taskId, cursor = "") {
    const path = `${api.app.url}/tasks/${taskId}:watch`;
    const events = await openEvents(path, cursor === "" ? {} : { "last-event-id": cursor });
    for await (const { id, event, data } of events) {
      if (event === "end") continue;
      expect(id).toBe(data.cursor);
      yield fromRest(data);
    }
  },
  async *"newline-delimited JSON by fetch"(taskId, cursor = "") {
    const path = `${api.app.url}/tasks/${taskId}:watch`;
    for await (const line of await openLines(`${path}?cursor=${cursor}`)) yield fromRest(line);
  },
};

function fromProto({ task, cursor }: WatchTaskResponse): Seen {
  return {
    cursor,
    status: wordOf(TaskStatus[task?.status ?? 0]),
    progress: task?.progress ?? -1,
    stages: (task?.stages ?? []).map(({ status }) => wordOf(StageStatus[status])),
  };
}

function wordOf(name: string | undefined): string {
  return (name ?? "none").toLowerCase();
}

function fromRest({ task, cursor }: RestAnswer["body"]): Seen {
  const { status, progress, stages } = task;
  return { cursor, status, progress, stages: stages.map((stage: Seen) => stage.status) };
}

/** A watch that goes on by itself and keeps what it has seen. */
class Watching {
  readonly seen: Seen[] = [];
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;

  constructor(states: AsyncIterable<Seen>) {
    this.ended = this.#run(states);
  }

  async #run(states: AsyncIterable<Seen>): Promise<void> {
    for await (const state of states) this.seen.push(state);
  }
}

function watchEverywhere(taskId: string): readonly Watching[] {
  return Object.values(WATCHES).map((watch) => new Watching(watch(taskId)));
}

/** Waits until every watch has seen the task as it is stored now. */
async function allHaveSeen(taskId: string, watches: readonly Watching[]): Promise<void> {
  const task = await api.store.get(taskId);
  await eventually(() => watches.every(({ seen }) => seen.at(-1)?.cursor === String(task?.rev)));
}

test("every protocol shows every state of a task, and ends with its last", async () => {
  const taskId = await api.submit();
  const watches = watchEverywhere(taskId);
  const step = async (move: () => Promise<unknown>) => {
    await move();
    await allHaveSeen(taskId, watches);
  };
  await allHaveSeen(taskId, watches);
  const fence = await api.hold(taskId);
  await allHaveSeen(taskId, watches);
  const done = aStage({ status: "success", progress: 100 });
  const { store } = api;
  await step(() => store.updateStage(fence, "download", aStage()));
  await step(() => store.updateStage(fence, "download", done, 5));
  await step(() => store.updateStage(fence, "process", aStage(), 5));
  const half = { ...fence, stage: { name: "process", progress: 50 }, progress: 40 } as const;
  await step(() => store.heartbeat("replica-1", 60_000, [half]));
  await step(() => store.updateStage(fence, "process", done, 80));
  await step(() => store.updateStage(fence, "upload", aStage(), 80));
  await step(() => store.settle(fence, COMPLETED));
  await Promise.all(watches.map(({ ended }) => ended));

  const [first] = watches;
  expect(first?.seen.map(({ cursor: _, ...state }) => state)).toEqual([
    { status: "pending", progress: 0, stages: [] },
    { status: "processing", progress: 0, stages: [] },
    { status: "processing", progress: 0, stages: ["running"] },
    { status: "processing", progress: 5, stages: ["success"] },
    { status: "processing", progress: 5, stages: ["success", "running"] },
    { status: "processing", progress: 40, stages: ["success", "running"] },
    { status: "processing", progress: 80, stages: ["success", "success"] },
    { status: "processing", progress: 80, stages: ["success", "success", "running"] },
    { status: "completed", progress: 100, stages: ["success", "success", "success"] },
  ]);
  for (const { seen } of watches) expect(seen).toEqual(first?.seen);
});

test("a cancel ends every watch with the canceled task", async () => {
  const taskId = await api.submit();
  const watches = watchEverywhere(taskId);
  await allHaveSeen(taskId, watches);
  await api.store.updateStage(await api.hold(taskId), "download", aStage());
  await allHaveSeen(taskId, watches);
  expect((await api.call("DELETE", `/tasks/${taskId}`)).body).toEqual({ status: "canceled" });
  await Promise.all(watches.map(({ ended }) => ended));
  for (const { seen } of watches)
    expect(seen.at(-1)).toMatchObject({ status: "canceled", stages: ["canceled"] });
});

test.each(Object.entries(WATCHES))(
  "a watch resumed by its cursor misses nothing and repeats nothing: %s",
  async (_name, watch) => {
    const taskId = await api.submit();
    const fence = await api.hold(taskId);
    const progress = (percent: number) =>
      api.store.heartbeat("replica-1", 60_000, [{ ...fence, progress: percent }]);
    const seen: Seen[] = [];
    // The reader leaves after each state and comes back, mostly to one that it has not seen yet.
    for (let percent = 1; percent <= 5; percent++) {
      await progress(percent);
      for await (const state of watch(taskId, seen.at(-1)?.cursor)) {
        seen.push(state);
        break;
      }
    }
    expect(seen.map((state) => state.progress)).toEqual([1, 2, 3, 4, 5]);
    // Nothing is new: once the watch has looked, what comes first is what happens next.
    const get = vi.spyOn(api.store, "get");
    const resumed = new Watching(watch(taskId, seen.at(-1)?.cursor));
    await eventually(() => get.mock.calls.length > 0);
    get.mockRestore();
    await progress(50);
    await api.store.settle(fence, COMPLETED);
    await resumed.ended;
    const cursors = [...seen, ...resumed.seen].map(({ cursor }) => Number(cursor));
    expect(cursors).toEqual([...new Set(cursors)].toSorted((a, b) => a - b));
    expect(resumed.seen.at(-1)?.status).toBe("completed");
  },
);
