import { MongoClient } from "mongodb";
import { expect, test, vi } from "vitest";
import { openMongoStore } from "../../../src/store/mongo/open-mongo-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { cutFilm, cutLeased, leaseChunk, leaseFilm } from "../../support/film-builders.js";
import { describeWithMongo } from "../../support/mongo.js";
import { seedTasks } from "../../support/mongo-seed.js";
import {
  aDispatch,
  aLease,
  aTask,
  COMPLETED,
  fenceOf,
  LONG_LEASE_MS,
  takeOverOne,
} from "../../support/task-store-builders.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

/** What the server's profiler tells of one operation. */
interface Profile {
  readonly op: string;
  readonly command: object;
  readonly planSummary?: string;
  readonly keysExamined?: number;
  readonly docsExamined?: number;
  readonly hasSortStage?: boolean;
}

/** However many tasks there are, no operation may look at more of them than this. */
const MAX_EXAMINED = 40;

await describeWithMongo("the queries of a MongoDB store with 3,000 tasks", (take) => {
  test("use an index each, sort nothing in memory and look at few tasks", async () => {
    await using database = await take();
    await using store = await openMongoStore({ uri: database.uri, database: database.name });
    await using client = new MongoClient(database.uri);
    const db = client.db(database.name);
    await seedTasks(db, {
      ...{ completedCount: 2_000, pendingCount: 800, delayedCount: 200 },
      task: (index) => ({ workflow: `w${index % 5}`, priority: index % 3 }),
    });
    await seedTasks(db, { completedCount: 500, pendingCount: 500, tenant: "a" });
    const long = await leaseFilm(store, { workflow: "long", labels: { kind: "film" } });
    await cutLeased(store, long, 100);
    await db.setProfilingLevel("all");
    await useAll(store);
    await useFilms(store, long.taskId);
    await useTenants(store);
    await db.setProfilingLevel("off");
    const profiles = await db
      .collection<Profile>("system.profile")
      // But for the change stream, which reads the server's own log.
      .find({ ns: `${database.name}.tasks`, op: { $ne: "getmore" }, originatingCommand: null })
      .toArray();
    await db.dropCollection("system.profile");
    const slow = profiles.filter(
      ({ command, planSummary, keysExamined = 0, docsExamined = 0, hasSortStage }) =>
        planSummary === "COLLSCAN" ||
        hasSortStage === true ||
        docsExamined > MAX_EXAMINED ||
        // A film is passed over in the index, without a look at its chunks.
        (keysExamined > MAX_EXAMINED && !JSON.stringify(command).includes("$nin")),
    );
    expect(slow).toEqual([]);
    const plans = new Set(profiles.map(({ planSummary }) => planSummary));
    expect(plans.size, [...plans].join("; ")).toBeGreaterThan(8);
  });
});

/** What is done with films: of a long one no query may look at all chunks. */
async function useFilms(store: TaskStore, long: string): Promise<void> {
  const workflows = ["long"];
  for (let i = 0; i < 3; i++) await leaseChunk(store, { workflows });
  const busy = await store.lease(aLease({ workflows: [...workflows, "w0"], maxFilmServers: 2 }));
  if (busy?.chunk) throw new Error("The film was not passed over");
  const chunk = await leaseChunk(store, { workflows, maxFilmServers: 2 });
  await store.updateStage(fenceOf(chunk), "process", { status: "running" });
  const report = { ...fenceOf(chunk), progress: 50 };
  await store.heartbeat("replica-1", LONG_LEASE_MS, [report]);
  await store.settle(fenceOf(chunk), COMPLETED);
  await store.list({ pageSize: 5 });
  await store.list({ pageSize: 5, status: "processing" });
  await store.list({ pageSize: 5, labels: [["kind", "film"]] });
  await store.counts([["kind", "film"]]);
  await store.counts();
  await store.queueAgeMs();
  await store.cancel(long);
  await store.leaseOrphan("replica-2", LONG_LEASE_MS, "with_prompt");
  await store.endChunks(long, 5);
  const short = await cutFilm(store, 3, { workflow: "short" });
  for (let i = 0; i < 3; i++)
    await store.settle(fenceOf(await leaseChunk(store, { workflows: ["short"] })), COMPLETED);
  const joined = await takeOverOne(store);
  await store.settle(fenceOf(joined), COMPLETED);
  await store.finishCleanup(fenceOf(await takeOverOne(store)));
  await store.chunks(short);
  if ((await store.deleteEnded([short])) !== 1) throw new Error("The film was not deleted");
}

/** One tenant has as many running tasks as it may, in front of the others. */
async function useTenants(store: TaskStore): Promise<void> {
  const labels = [["kind", "shop"]] as const;
  await store.create(aTask({ tenant: "a", labels: { kind: "shop" } }), {
    maxTenantPendingCount: 1_000_000,
  });
  const maxRunning = new Map(Object.entries({ a: 1, b: 1 }));
  const request = aLease({ workflows: ["small", "w0", "w1"], maxRunning });
  const first = await store.lease(request);
  if (first?.tenant !== "a") throw new Error("The tenant was to have its turn");
  if ((await store.lease(request))?.tenant !== undefined) throw new Error("It was to rest");
  for (const tenant of ["a", "default", "nobody"]) {
    await store.list({ tenant, pageSize: 5 });
    await store.list({ tenant, pageSize: 5, status: "completed" });
    await store.list({ tenant, pageSize: 5, labels });
    await store.list({ tenant, pageSize: 5, status: "pending", labels });
    await store.counts([], tenant);
    await store.counts(labels, tenant);
  }
}

/** Every method once at least. */
async function useAll(store: TaskStore): Promise<void> {
  const idempotency = { key: "k", requestHash: "h" };
  await store.create(aTask({ idempotency }), { maxPendingCount: 1_000_000 });
  await store.create(aTask({ idempotency }));
  await store.replay(idempotency);
  const workflows = ["w0", "w1", "w2", "w3", "w4", "unknown"];
  await store.lease(aLease({ workflows: ["unknown"] }));
  const leased = await store.lease(aLease({ workflows }));
  // The head is of another workflow now, so this one passes it.
  const prefer = leased ? [leased.workflow] : [];
  const preferring = await store.lease(aLease({ workflows, prefer }));
  if (!leased || preferring?.workflow !== leased.workflow) throw new Error("Nothing was passed");
  const fence = fenceOf(leased);
  await store.bindSlot(fence, "gpu-1#0");
  await store.recordDispatch(fence, aDispatch("sent"));
  await store.updateStage(fence, "process", { progress: 10 });
  await store.heartbeat("replica-1", LONG_LEASE_MS, [fence, fenceOf(preferring)]);
  await store.settle(fence, { kind: "handed_back" });
  const again = await store.lease(aLease({ workflows }));
  if (again?.taskId !== leased.taskId) throw new Error("Who holds a slot comes first");
  await store.settle(fenceOf(again), COMPLETED);
  await store.leaseOrphan("replica-2", LONG_LEASE_MS);
  await store.bindSlot(fenceOf(preferring), "gpu-1#0");
  await store.cancel(preferring.taskId);
  await store.finishCleanup(fenceOf(preferring));
  await store.nextDueInMs();
  await store.queueAgeMs();
  await store.counts();
  const { nextPageToken } = await store.list({ pageSize: 5 });
  if (nextPageToken) await store.list({ pageSize: 5, pageToken: nextPageToken });
  await store.list({ pageSize: 5, status: "completed" });
  await store.list({ pageSize: 5, status: "processing" });
  await store.listExpired(0, 10);
  await store.deleteEnded([leased.taskId]);
  await store.leaseDuty("sweep", "replica-1", LONG_LEASE_MS);
}
