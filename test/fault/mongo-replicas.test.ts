import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { eventually } from "../support/eventually.js";
import { describeWithMongo, type TestDatabase, uriOf } from "../support/mongo.js";
import { LEASE_SECONDS, type Replicas, randomBelow, startReplicas } from "../support/replicas.js";
import type { TestService } from "../support/service-process.js";

const isFull = process.env["TMLSR_FAULT_FULL"] === "1";
const SIZE = isFull
  ? { serverCount: 6, taskCount: 200, stepMs: 600, killCount: 20, freezeCount: 15 }
  : { serverCount: 3, taskCount: 18, stepMs: 150, killCount: 6, freezeCount: 2 };
const SWITCHES = { simulate: { steps: 10, stepMs: SIZE.stepMs } };

vi.setConfig({ testTimeout: isFull ? 3_600_000 : 300_000, hookTimeout: 120_000 });
const END_LIMIT_MS = isFull ? 1_800_000 : 180_000;

await describeWithMongo("replicas that share a database", (take) => {
  test(`${SIZE.killCount} SIGKILLs of random replicas and one crash of a server: every task completes, none runs twice`, async () => {
    await using database = await take();
    await using replicas = await start(database);
    const feeding = startFeeding(replicas, SIZE.taskCount);
    for (let killCount = 1; killCount <= SIZE.killCount; killCount += 1) {
      const replica = any(replicas);
      await replica.kill();
      await replica.start();
      await ready(replica);
      if (killCount === Math.ceil(SIZE.killCount / 2)) await crashServer(replicas);
    }
    await feeding.end();
    await replicas.completed(END_LIMIT_MS);
    const lostCount = await replicas.ranOnce();
    expect(lostCount).toBeLessThanOrEqual(1);
  });

  test(`${SIZE.freezeCount} SIGSTOPs for longer than the lease, then SIGCONT: the zombie's writes are refused, no task runs twice`, async () => {
    await using database = await take();
    await using replicas = await start(database);
    const feeding = startFeeding(replicas, Math.ceil(SIZE.taskCount / 2));
    for (let freezeCount = 1; freezeCount <= SIZE.freezeCount; freezeCount += 1) {
      const zombie = await busyOne(replicas);
      zombie.signal("SIGSTOP");
      await sleep(LEASE_SECONDS * 1_600);
      zombie.signal("SIGCONT");
      await ready(zombie);
    }
    await feeding.end();
    const tasks = await replicas.completed(END_LIMIT_MS);
    const endings = tasks.flatMap(({ attempts }) =>
      attempts.map((attempt: { reason: string }) => attempt.reason),
    );
    expect(endings).toContain("lease_expired");
    expect(endings.filter((reason) => reason === "completed")).toHaveLength(tasks.length);
    expect(await replicas.ranOnce()).toBe(0);
  });
});

async function start(database: TestDatabase): Promise<Replicas> {
  const { serverCount } = SIZE;
  return await startReplicas({
    ...{ mongodbUri: uriOf(database), serverCount, switches: SWITCHES },
  });
}

/** Submits tasks, so that there is always more to do than the servers can, until the end is asked for and enough were. */
function startFeeding(replicas: Replicas, taskCount: number): { end(): Promise<void> } {
  let isEnough = false;
  const feed = async (): Promise<void> => {
    while (!isEnough || replicas.submitted.length < taskCount) {
      if ((await replicas.openCount()) > SIZE.serverCount * 2) await sleep(100);
      else await replicas.submit();
    }
  };
  const feeding = feed();
  // Told by `end`.
  feeding.catch(() => undefined);
  return {
    end: async () => {
      isEnough = true;
      await feeding;
    },
  };
}

async function ready(replica: TestService): Promise<void> {
  await eventually(async () => (await replica.rest("GET", "/ready")).status === 200, {
    limitMs: 150_000,
    intervalMs: 50,
  });
}

/** A replica that has a task now. */
async function busyOne(replicas: Replicas): Promise<TestService> {
  return await eventually(() => {
    const replica = any(replicas);
    const leasedCount = replica.lines.filter(({ msg }) => msg === "task leased").length;
    const endedCount = replica.lines.filter(({ msg }) => msg === "task completed").length;
    return leasedCount > endedCount ? replica : false;
  });
}

async function crashServer({ servers }: Replicas): Promise<void> {
  const server = servers[randomBelow(servers.length)];
  await server?.restart(SWITCHES);
}

function any({ all }: Replicas): TestService {
  return all[randomBelow(all.length)] as TestService;
}
