import { MongoClient } from "mongodb";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  type MongoStoreOptions,
  openMongoStore,
} from "../../../src/store/mongo/open-mongo-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { eventually } from "../../support/eventually.js";
import { describeWithMongo, describeWithMongod, type TestDatabase } from "../../support/mongo.js";
import { TestMongod } from "../../support/mongod-process.js";
import {
  aLease,
  aTask,
  BRIEF_MS,
  COMPLETED,
  createOne,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
} from "../../support/task-store-builders.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });
const SLOW = { limitMs: 120_000, intervalMs: 100 };

await describeWithMongo("a MongoDB store", (take) => {
  test("makes its indexes once and tells which", async () => {
    await using database = await take();
    await using client = new MongoClient(database.uri);
    await client.db(database.name).dropDatabase();
    const first = await openLogged(database);
    await first.store[Symbol.asyncDispose]();
    const second = await openLogged(database);
    await second.store[Symbol.asyncDispose]();
    const made = (lines: readonly LogLine[]) => lines.find(({ msg }) => msg === "indexes made");
    expect(made(first.lines)?.["indexes"]).toHaveLength(16);
    expect(made(second.lines)).toBeUndefined();
  });

  test("refuses a document that it could not have written", async () => {
    await using database = await take();
    await using store = await open(database);
    await using client = new MongoClient(database.uri);
    const tasks = client.db(database.name).collection<{ _id: string }>("tasks");
    const { taskId } = await createOne(store);
    for (const change of [{ status: "done" }, { priority: 3 }, { dueAt: "now" }, { params: {} }]) {
      await expect(tasks.updateOne({ _id: taskId }, { $set: change })).rejects.toMatchObject({
        code: 121,
      });
    }
  });

  test("refuses a database of a newer version, and a server that does not know us", async () => {
    await using database = await take();
    await (await open(database))[Symbol.asyncDispose]();
    await using client = new MongoClient(database.uri);
    const meta = client.db(database.name).collection<{ _id: string }>("meta");
    await meta.updateOne({ _id: "store" }, { $set: { schema: 99 } });
    await expect(open(database)).rejects.toThrow(
      "Cannot open the store: its schema has version 99, this service knows versions up to 5; start a newer service",
    );
    const uri = database.uri.replace("//", "//nobody:wrong@");
    await expect(openMongoStore({ uri, database: "x", selectionMs: 2_000 })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });

  test("keeps the counts exact while two processes create, lease, cancel and settle at once", async () => {
    await using database = await take();
    await using store = await open(database);
    await using rival = await open(database);
    const work = async (own: TaskStore, owner: string) => {
      for (let i = 0; i < 8; i++) {
        const created = await createOne(own);
        const leased = await own.lease(aLease({ owner }));
        if (i % 3 === 0) await own.cancel(created.taskId);
        if (leased && i % 2 === 0) await own.settle(fenceOf(leased), COMPLETED);
      }
    };
    await Promise.all(
      [store, rival, store, rival].map((own, index) => work(own, `replica-${index}`)),
    );
    const { tasks } = await store.list({ pageSize: 500 });
    const recount = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
    for (const { status } of tasks) recount[status] += 1;
    expect(tasks).toHaveLength(32);
    expect(await rival.counts()).toEqual(recount);
  });

  test("gives each task to one of 16 processes that lease in a burst", async () => {
    await using database = await take();
    await using store = await open(database);
    for (let i = 0; i < 48; i++) await createOne(store);
    const stores = await Promise.all(Array.from({ length: 16 }, () => open(database)));
    const leased = await Promise.all(
      stores.map(async (own, index) => {
        const ids: string[] = [];
        for (;;) {
          const task = await own.lease(aLease({ owner: `replica-${index}` }));
          if (!task) return ids;
          ids.push(task.taskId);
        }
      }),
    );
    expect(leased.flat()).toHaveLength(48);
    expect(new Set(leased.flat()).size).toBe(48);
    expect(await store.counts()).toMatchObject({ pending: 0, processing: 48 });
  });

  test.each([-600_000, 600_000])(
    "heeds the server's clock when its own is %i ms off",
    async (offMs) => {
      await using database = await take();
      await using store = await open(database);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + offMs });
      try {
        await using skewed = await open(database);
        const { taskId } = await createOne(store);
        const leased = await skewed.lease(aLease({ owner: "skewed", leaseMs: 30_000 }));
        expect(leased?.taskId).toBe(taskId);
        expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
        expect(await skewed.leaseOrphan("skewed", LONG_LEASE_MS)).toBeUndefined();
        const { taskId: next } = await createOne(skewed);
        expect((await store.lease(aLease()))?.taskId).toBe(next);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  test("takes over a database whose server deleted ended tasks itself, and keeps older services out", async () => {
    await using database = await take();
    await using client = new MongoClient(database.uri);
    const db = client.db(database.name);
    const meta = db.collection<{ _id: string }>("meta");
    const former = await open(database);
    const { fence } = await leaseOne(former);
    await former.settle(fence, COMPLETED);
    await former[Symbol.asyncDispose]();
    await meta.updateOne({ _id: "store" }, { $set: { schema: 1 } });
    await db.collection("tasks").dropIndex("ended");
    await db.collection("tasks").createIndex(
      { retainedSince: 1 },
      {
        name: "retention",
        expireAfterSeconds: 3_600,
        partialFilterExpression: { retainedSince: { $exists: true } },
      },
    );
    const both = await Promise.all([open(database), open(database)]);
    const indexes = await db.collection("tasks").indexes();
    expect(indexes.filter(({ expireAfterSeconds }) => expireAfterSeconds !== undefined)).toEqual(
      [],
    );
    expect(await meta.findOne({ _id: "store" })).toMatchObject({ schema: 5 });
    const [store] = both;
    expect(await store?.get(fence.taskId)).toMatchObject({ status: "completed" });
    expect(await store?.listExpired(0, 10)).toHaveLength(1);
  });
});

await describeWithMongod("a MongoDB store on a standalone server", (binary) => {
  test("works, tells the changes of other processes, and says what is missing", async () => {
    await using mongod = await TestMongod.start(binary, { memberCount: 0 });
    const where = { uri: mongod.uri, name: "standalone" };
    const { store, lines } = await openLogged(where);
    await using _closed = store;
    await using rival = await open(where, { pollMs: 50 });
    expect(lines.some(({ msg }) => msg?.startsWith("the database is a standalone server"))).toBe(
      true,
    );
    const told: string[] = [];
    const unsubscribe = rival.subscribe(({ rev, status }) => told.push(`${rev} ${status}`));
    const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
    await eventually(() => told.includes("2 processing"), SLOW);
    await eventually(
      async () => (await rival.leaseOrphan("replica-2", LONG_LEASE_MS)) ?? false,
      SLOW,
    );
    expect(await store.settle(fence, COMPLETED)).toBe("lost");
    expect(await rival.settle({ ...fence, epoch: 2 }, COMPLETED)).toBe("ok");
    expect(told.at(-1)).toBe("4 completed");
    expect((await store.create(aTask())).outcome).toBe("created");
    await expect(store.createTogether([aTask(), aTask()])).rejects.toMatchObject({
      code: "STORE_WITHOUT_TRANSACTIONS",
    });
    expect(await rival.counts()).toMatchObject({ pending: 1, processing: 0, completed: 1 });
    unsubscribe();
  });
});

type LogLine = { readonly msg?: string; readonly [field: string]: unknown };
type Where = Pick<TestDatabase, "uri" | "name">;

/** A store that is closed with its test, also where that fails: an open one keeps the run from ending. */
async function open(
  { uri, name }: Where,
  options: Partial<MongoStoreOptions> = {},
): Promise<TaskStore> {
  const store = await openMongoStore({ uri, database: name, ...options });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

async function openLogged(where: Where): Promise<{ store: TaskStore; lines: LogLine[] }> {
  const lines: LogLine[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) });
  return { store: await open(where, { logger }), lines };
}
