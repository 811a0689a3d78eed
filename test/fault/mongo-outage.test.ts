import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { eventually } from "../support/eventually.js";
import { describeWithMongod } from "../support/mongo.js";
import { TestMongod } from "../support/mongod-process.js";
import { LEASE_SECONDS, type Replicas, startReplicas } from "../support/replicas.js";
import type { TestService } from "../support/service-process.js";

const isFull = process.env["TMLSR_FAULT_FULL"] === "1";
const SIZE = isFull
  ? { serverCount: 4, taskCount: 40, stepDownCount: 4, killCount: 3 }
  : { serverCount: 2, taskCount: 8, stepDownCount: 1, killCount: 1 };
const LIMIT = { limitMs: 180_000, intervalMs: 50 };
const END_LIMIT_MS = isFull ? 900_000 : 180_000;

vi.setConfig({ testTimeout: isFull ? 1_800_000 : 600_000, hookTimeout: 120_000 });

await describeWithMongod("a database that fails", (binary) => {
  test("cannot be reached at start: the service is up and not ready, waits, and works once it can", async () => {
    await using mongod = await TestMongod.start(binary);
    await mongod.members[0]?.kill();
    await using replicas = await startReplicas({
      ...{ mongodbUri: mongod.uri, replicaCount: 1, serverCount: 1 },
    });
    const [replica] = replicas.all as [TestService];
    expect((await replica.rest("GET", "/health")).status).toBe(200);
    expect((await replica.rest("GET", "/ready")).status).toBe(503);
    await expectUnavailable(replica);
    await eventually(() => said(replica, "the database cannot be reached, waiting for it"), LIMIT);
    await mongod.members[0]?.start();
    await isReady(replica);
    await replicas.submit();
    await replicas.completed(END_LIMIT_MS);
    expect(await replicas.ranOnce()).toBe(0);
  });

  test("is killed under load and started again later than the lease: nothing accepted is lost, nothing runs twice", async () => {
    await using mongod = await TestMongod.start(binary);
    await using replicas = await startReplicas({
      ...{ mongodbUri: mongod.uri, replicaCount: 2, serverCount: SIZE.serverCount },
      switches: { simulate: { steps: 20, stepMs: 100 } },
    });
    for (let killCount = 1; killCount <= SIZE.killCount; killCount += 1) {
      await submitMany(replicas, SIZE.taskCount);
      await eventually(() => anyRuns(replicas), LIMIT);
      await mongod.members[0]?.kill();
      const [replica] = replicas.all as [TestService];
      await expectUnavailable(replica);
      expect((await replica.rest("GET", "/health")).status).toBe(200);
      await sleep(LEASE_SECONDS * 1_500);
      await mongod.members[0]?.start();
      await Promise.all(replicas.all.map(isReady));
      expect(said(replica, "the database has no primary")).toBe(true);
    }
    await replicas.completed(END_LIMIT_MS);
    expect(await replicas.ranOnce()).toBe(0);
  });

  test("stands still for less than the lease: what runs goes on as if nothing had been", async () => {
    await using mongod = await TestMongod.start(binary);
    await using replicas = await startReplicas({
      ...{ mongodbUri: mongod.uri, replicaCount: 1, serverCount: 1 },
      switches: { simulate: { steps: 60, stepMs: 100 } },
      env: { TMLSR_LEASE_SECONDS: "20" },
    });
    const taskId = await replicas.submit();
    await eventually(() => anyRuns(replicas), LIMIT);
    mongod.members[0]?.signal("SIGSTOP");
    await sleep(4_000);
    mongod.members[0]?.signal("SIGCONT");
    const [task] = await replicas.completed(END_LIMIT_MS);
    expect(task).toMatchObject({ task_id: taskId, retries: 0 });
    expect(task.attempts).toHaveLength(1);
    expect(await replicas.ranOnce()).toBe(0);
  });
});

await describeWithMongod("a replica set of three", (binary) => {
  test(`${SIZE.stepDownCount} step-downs and ${SIZE.killCount} SIGKILLs of the primary under load: nothing accepted is lost, nothing runs twice`, async () => {
    await using mongod = await TestMongod.start(binary, { memberCount: 3, electionMs: 3_000 });
    await using replicas = await startReplicas({
      ...{ mongodbUri: mongod.uri, replicaCount: 2, serverCount: SIZE.serverCount },
    });
    for (let stepDownCount = 1; stepDownCount <= SIZE.stepDownCount; stepDownCount += 1) {
      await submitMany(replicas, SIZE.taskCount);
      await mongod.stepDown();
      await mongod.primary();
    }
    for (let killCount = 1; killCount <= SIZE.killCount; killCount += 1) {
      await submitMany(replicas, SIZE.taskCount);
      const primary = await mongod.primary();
      await primary.kill();
      await mongod.primary();
      await primary.start();
    }
    await replicas.completed(END_LIMIT_MS);
    expect(await replicas.ranOnce()).toBe(0);
  });
});

async function submitMany(replicas: Replicas, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await replicas.submit();
}

async function expectUnavailable(replica: TestService): Promise<void> {
  const request = { type: "image", workflow: "cpu_image_2x", url: "http://127.0.0.1:1/a.png" };
  const refused = await eventually(async () => {
    const answer = await replica.rest("POST", "/tasks", request);
    return answer.status === 503 ? answer : false;
  }, LIMIT);
  expect(refused.body).toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
}

async function isReady(replica: TestService): Promise<void> {
  await eventually(async () => (await replica.rest("GET", "/ready")).status === 200, LIMIT);
}

async function anyRuns({ servers }: Replicas): Promise<boolean> {
  const logs = await Promise.all(servers.map((server) => server.log().catch(() => [])));
  return logs.flat().some(({ event }) => event === "started");
}

function said(replica: TestService, message: string): boolean {
  return replica.lines.some(({ msg }) => msg === message);
}
