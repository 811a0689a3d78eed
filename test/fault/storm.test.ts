import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { RunLogEntry } from "../../src/cpu-server/run-log.js";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import {
  post,
  smallPicture,
  untilHistory,
  upload,
  upscalePrompt,
} from "../support/cpu-server-client.js";
import { eventually } from "../support/eventually.js";
import { judgeRuns } from "../support/judge-runs.js";
import { startService } from "../support/service-process.js";

const IS_FULL = process.env["TMLSR_FAULT_FULL"] !== undefined;
const STORM = IS_FULL ? { forMs: 60_000, taskCount: 200 } : { forMs: 20_000, taskCount: 30 };
/** On a slow machine a start takes longer than a kill should wait. */
const LEAST_KILL_COUNT = 4;
const SWITCHES = { simulate: { steps: 10, stepMs: 40 } };
const SEED = Number(process.env["TMLSR_STORM_SEED"] ?? Date.now() % 1_000_000);

test(`storm of seed ${SEED}: service and servers are killed again and again, every task runs once and to its own result`, async () => {
  const servers = await Promise.all([1, 2, 3, 4].map(() => startCpuServer({ switches: SWITCHES })));
  await using _ = { [Symbol.asyncDispose]: () => endAll(servers) };
  await using service = await startService(servers.map(({ url }) => url));
  const workflows = times(STORM.taskCount).map((name, index) =>
    index % 3 === 0 ? "cpu_image_4x" : name,
  );
  const tasks = await submitChecked(service, workflows);
  const random = randomOf(SEED);
  const endMs = performance.now() + STORM.forMs;
  let killCount = 0;
  let crashCount = 0;
  const killService = async (): Promise<void> => {
    while (performance.now() < endMs || killCount < LEAST_KILL_COUNT) {
      await sleep(500 + random() * 1_000);
      await service.kill();
      killCount += 1;
      // Now and then it is killed again before it serves.
      const isCutShort = random() < 0.2;
      const started = service.start();
      started.catch(() => undefined);
      await (isCutShort ? Promise.race([sleep(random() * 1_500), started]) : started);
    }
    await service.kill();
    await service.start();
  };
  const killServers = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await sleep(1_000 + random() * 3_000);
      const server = servers[Math.floor(random() * servers.length)];
      crashCount += 1;
      await server?.kill();
      await sleep(random() * 1_500);
      await server?.restart(SWITCHES);
    }
  };
  await Promise.all([killService(), killServers()]);
  await tasks.completed(service, 120_000);
  const lostCount = await tasks.ranOnce(servers);
  // At most one prompt goes down with each crash.
  expect(lostCount).toBeLessThanOrEqual(crashCount);
}, 400_000);

// That the checker sees what it is there for: what others do, run against the same servers.

test("control: a client that submits again after a timeout is found to run its task twice", async () => {
  await using server = await startCpuServer({
    switches: { simulate: { steps: 4, stepMs: 10 }, http: [LOST_ANSWER] },
  });
  const send = await naiveClient(server);
  await expect(send()).rejects.toThrow();
  await untilHistory(server.url, await send());
  await eventually(async () => (await ends(server)).length === 2);
  expect(judgeRuns([await server.log()], [TASK])).toMatchObject({ runTwice: [TASK] });
});

test("control: a client that asks the history alone before it submits again is found too", async () => {
  const simulate = { steps: 2_000, stepMs: 20 };
  await using server = await startCpuServer({ switches: { simulate } });
  const send = await naiveClient(server);
  const first = await send();
  const history: unknown = await (await fetch(`${server.url}/history/${first}`)).json();
  if (!Object.hasOwn(history as object, first)) await send();
  await server.set({ simulate: { steps: 1, stepMs: 1 } });
  await eventually(async () => (await ends(server)).length === 2);
  expect(judgeRuns([await server.log()], [TASK])).toMatchObject({ runTwice: [TASK] });
});

test("control: one that moves to another server while the first one still runs is found too", async () => {
  const switches = { simulate: { steps: 20, stepMs: 20 } };
  await using first = await startCpuServer({ switches });
  await using second = await startCpuServer({ switches });
  const servers = [first, second];
  for (const server of servers) await (await naiveClient(server))();
  await eventually(async () => (await Promise.all(servers.map(ends))).flat().length === 2);
  const logs = await Promise.all(servers.map((server) => server.log()));
  expect(judgeRuns(logs, [TASK])).toMatchObject({ runTwice: [TASK] });
});

test("control: a task that nobody ran is found, and a run that its server lost is no fault", () => {
  const at = (event: RunLogEntry["event"], promptId: string, time: number): RunLogEntry => ({
    ...{ event, promptId, taskId: TASK, at: time, modelLoads: 0 },
    ...(event === "ended" && { outcome: "success" as const }),
  });
  const log = [at("started", "a", 1), at("started", "b", 5), at("ended", "b", 9)];
  expect(judgeRuns([log], [TASK, "other"])).toEqual({
    neverRun: ["other"],
    runTwice: [],
    lostWithServerCount: 1,
  });
});

const TASK = "0123456789abcdef0123456789abcdef";
const LOST_ANSWER = {
  path: "/prompt",
  method: "POST",
  fault: "cut",
  when: "after",
  count: 1,
} as const;

const ends = async (server: TestCpuServer) =>
  (await server.log().catch(() => [])).filter(({ event }) => event === "ended");

/** Sends one task's prompt each time it is called, under a new id, without looking. */
async function naiveClient(server: TestCpuServer): Promise<() => Promise<string>> {
  const { body } = await upload(server.url, "in.png", await smallPicture());
  let count = 0;
  return async () => {
    const prompt_id = randomUUID();
    count += 1;
    const prompt = upscalePrompt(body.name, `naive/${count}`);
    const extra_data = { tmlsr: { task: TASK } };
    await post(`${server.url}/prompt`, { prompt, prompt_id, extra_data });
    return prompt_id;
  };
}

async function endAll(servers: readonly TestCpuServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

/** Mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
