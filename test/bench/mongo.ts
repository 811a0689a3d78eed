import { MongoClient } from "mongodb";
import { openMongoStore } from "../../src/store/mongo/open-mongo-store.js";
import type { TaskChange } from "../../src/store/task-reading.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { findMongod } from "../support/find-mongod.js";
import { seedTasks } from "../support/mongo-seed.js";
import { TestMongod } from "../support/mongod-process.js";
import { aLease, aTask, createOne, fenceOf } from "../support/task-store-builders.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { type LoadResult, runLoad } from "./load.js";
import { serveContent, smallPicture } from "./origin.js";
import { quantile } from "./quantile.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { startService } from "./service.js";
import { submit } from "./tasks.js";

const SIZES = [1_000, 100_000, 1_000_000];
const WORKER_COUNTS = [1, 4, 16];
/** What filling one database may take. */
const SEED_LIMIT_MS = 600_000;
const DURATION_MS = 4_000;
const UPDATE_COUNT = 200;
const CANCEL_COUNT = 20;
/** A server that looks for an interrupt every 50 ms, in a run that would last for ever. */
const SWITCHES = { simulate: { steps: 10_000, stepMs: 50 } };

/**
 * The store on MongoDB, with few and very many tasks, and what two replicas see of each other. On an
 * emulated server the times are several times longer than on a native one, so each is also given as a
 * multiple of what one write to a majority takes.
 */
export const mongo: Subject = {
  name: "mongodb",
  async measure({ say }) {
    await using mongod = await TestMongod.start(await findMongod());
    const writeMs = await measureWrite(mongod.uri);
    const figures: Figure[] = [
      { what: "one write to a majority, on disk: p50", value: writeMs, unit: "ms" },
    ];
    figures.push(...(await measureReplicas(mongod.uri, writeMs)));
    figures.push(...(await measureCancel(mongod.uri)));
    for (const size of SIZES) {
      say(`storing up to ${size} tasks`);
      figures.push(...(await measureSize(mongod.uri, size, writeMs)));
    }
    return figures;
  },
};

async function measureWrite(uri: string): Promise<number> {
  await using client = new MongoClient(uri, { writeConcern: { w: "majority", journal: true } });
  const collection = client.db("bench").collection("writes");
  const write = () => collection.insertOne({ at: new Date() });
  return (await runLoad(1, DURATION_MS, write)).p50Ms;
}

/** Creating, and how soon another replica is told. */
async function measureReplicas(uri: string, writeMs: number): Promise<Figure[]> {
  await using working = await openMongoStore({ uri, database: "bench-replicas" });
  await using watching = await openMongoStore({ uri, database: "bench-replicas" });
  const created = await runLoad(16, DURATION_MS, () => working.create(aTask()));
  const { spansMs, callsMs } = await timeUpdates(working, watching);
  const told = quantile(spansMs, 0.5);
  const note = `${UPDATE_COUNT} updates, from the call; the call itself takes ${quantile(callsMs, 0.5).toFixed(1)} ms`;
  return [
    { what: "creates, 16 clients", value: created.perSecond, unit: "/s" },
    { what: "create: p50 with 16 clients", value: created.p50Ms, unit: "ms" },
    { what: "update on one replica to its news on another: p50", value: told, unit: "ms", note },
    { what: "the same: p99", value: quantile(spansMs, 0.99), unit: "ms" },
    { what: "the same: p50 in writes to a majority", value: told / writeMs, unit: "" },
  ];
}

async function timeUpdates(
  working: TaskStore,
  watching: TaskStore,
): Promise<{ spansMs: number[]; callsMs: number[] }> {
  await createOne(working, { workflow: "watched" });
  const task = await working.lease(aLease({ workflows: ["watched"] }));
  if (!task) throw new Error("Nothing was leased");
  let onChange: (change: TaskChange) => void = () => undefined;
  const unsubscribe = watching.subscribe((change) => onChange(change));
  const spansMs: number[] = [];
  const callsMs: number[] = [];
  for (let rev = task.rev + 1; spansMs.length < UPDATE_COUNT; rev += 1) {
    const sentMs = performance.now();
    const told = new Promise<void>((resolve) => {
      onChange = (change) => {
        if (change.taskId === task.taskId && change.rev >= rev) resolve();
      };
    });
    await working.updateStage(fenceOf(task), "process", { detail: `Step ${rev}` });
    callsMs.push(performance.now() - sentMs);
    await told;
    spansMs.push(performance.now() - sentMs);
  }
  unsubscribe();
  return { spansMs, callsMs };
}

/** A DELETE to one replica of what runs on another: that has no servers, so that it runs nothing. */
async function measureCancel(uri: string): Promise<Figure[]> {
  const env = { MONGODB_URI: uri.replace("/?", "/bench-cancel?") };
  await using server = await startCpuServer({ switches: SWITCHES });
  await using directory = await makeDirectory();
  await using origin = await serveContent(await smallPicture());
  const dataDir = directory.path;
  await using running = await startService({ dataDir, servers: [server.url], env });
  await using other = await startService({ dataDir, env });
  await using rest = connectRest(running.url);
  await using otherRest = connectRest(other.url);
  const spansMs: number[] = [];
  for (let count = 0; count < CANCEL_COUNT; count += 1)
    spansMs.push(await cancelOne(rest, otherRest, server, origin.url));
  const note = `${CANCEL_COUNT} tasks`;
  return [
    {
      what: "DELETE on one replica to the interrupt by another: p50",
      ...{ value: quantile(spansMs, 0.5), unit: "ms", note },
    },
    { what: "the same: p99", value: quantile(spansMs, 0.99), unit: "ms" },
  ];
}

async function cancelOne(
  rest: RestClient,
  otherRest: RestClient,
  server: TestCpuServer,
  url: string,
): Promise<number> {
  const taskId = await submit(rest, url, "cpu_image_2x");
  const logged = async (event: string): Promise<number> => {
    const isIt = (line: { taskId: string | null; event: string }) =>
      line.taskId === taskId && line.event === event;
    const find = async () => (await server.log()).find(isIt) ?? false;
    return (await eventually(find, { limitMs: 30_000, intervalMs: 5 })).at;
  };
  await logged("started");
  const sentAt = Date.now();
  await otherRest.delete(`/tasks/${taskId}`);
  return (await logged("interrupted")) - sentAt;
}

/** Leases, stats and lists with so many tasks stored, half of them pending. */
async function measureSize(uri: string, size: number, writeMs: number): Promise<Figure[]> {
  const database = `bench-${size}`;
  await using store = await openMongoStore({ uri, database });
  await using client = new MongoClient(uri, { writeConcern: { w: 1 } });
  const half = size / 2;
  const stored = await seedTasks(client.db(database), {
    ...{ completedCount: half, pendingCount: half, limitMs: SEED_LIMIT_MS },
  });
  const figures: Figure[] = [];
  for (const workerCount of WORKER_COUNTS) {
    const { perSecond, p99Ms } = await leaseWith(workerCount, uri, database);
    const what = `leases, ${stored} stored, ${workerCount} replicas`;
    figures.push({ what, value: perSecond, unit: "/s", note: `p99 ${p99Ms.toFixed(0)} ms` });
  }
  const reads: [string, () => Promise<unknown>][] = [
    ["counts", () => store.counts()],
    ["list of 50", () => store.list({ pageSize: 50 })],
    ["list of 50 by status", () => store.list({ pageSize: 50, status: "completed" })],
  ];
  for (const [what, read] of reads) {
    const { p50Ms, p99Ms } = await runLoad(1, DURATION_MS, read);
    const note = `p50 ${p50Ms.toFixed(1)} ms; p99 in writes to a majority ${(p99Ms / writeMs).toFixed(2)}`;
    figures.push({ what: `${what}, ${stored} stored: p99`, value: p99Ms, unit: "ms", note });
  }
  return figures;
}

/** Each worker as a replica would be: with a store of its own. */
async function leaseWith(workerCount: number, uri: string, database: string): Promise<LoadResult> {
  const stores: TaskStore[] = [];
  try {
    for (let count = 0; count < workerCount; count += 1)
      stores.push(await openMongoStore({ uri, database }));
    const idle = [...stores];
    return await runLoad(workerCount, DURATION_MS, async () => {
      const own = idle.pop();
      await own?.lease(aLease());
      if (own) idle.push(own);
    });
  } finally {
    await Promise.all(stores.map((own) => own[Symbol.asyncDispose]()));
  }
}
