import { setTimeout as sleep } from "node:timers/promises";
import {
  createGrpcClients,
  type GrpcClients,
  TaskStatus,
  TaskType,
} from "../../src/client/client.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { openBenchApp } from "./app.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Goal, Subject } from "./figure.js";
import { noisyPicture } from "./origin.js";
import { startOrigin } from "./origin-process.js";
import { quantile } from "./quantile.js";
import { connectRest } from "./rest-client.js";
import { gapsMs, runsOf } from "./server-logs.js";
import { cpuMs, startService } from "./service.js";
import { completed, submit } from "./tasks.js";

const WORKFLOW = "cpu_image_2x";
/** 200 kB as a PNG. */
const EDGE_PIXELS = 258;
/** A service that runs for long has compiled what is called often. */
const WARM_COUNT = 60;
const SINGLE_COUNT = 120;
const BURST_COUNT = 12;
const BURSTS = 5;
const QUEUE_COUNT = 40;
const RUN_MS = 200;
const LIMIT_MS = 120_000;
const NOTE = `a picture of 200 kB from loopback, after ${WARM_COUNT} others; service, server, origin and client share the machine`;

/** What lies between a client and its prompt, between a run and its result, and between two runs. */
export const dispatch: Subject = {
  name: "dispatch",
  async measure({ say }) {
    await using origin = await startOrigin(await noisyPicture(EDGE_PIXELS));
    say("one task at a time");
    const one = await singles(origin.url);
    say("twelve at once");
    const twelve = await bursts(origin.url);
    say("one after the other");
    const auto = await pauses(origin.url, "auto");
    const single = await pauses(origin.url, 1);
    const alone = quantile(one.toPromptMs, 0.5);
    return [
      ...one.figures,
      { what: "pause between two runs, mean", ...auto, goal: { atMost: 10 } },
      { what: "pause between two runs where none may wait on the server, mean", ...single },
      {
        what: `first POST /prompt of ${BURST_COUNT} tasks at once, beside that of one`,
        value: quantile(twelve, 0.5) / alone,
        unit: "",
        note: `p50 ${quantile(twelve, 0.5).toFixed(1)} ms from the first one's submission`,
      },
    ];
  },
};

interface Singles {
  readonly figures: readonly Figure[];
  readonly toPromptMs: readonly number[];
}

/** Each task is submitted when the one before is long over. */
async function singles(url: string): Promise<Singles> {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 20 } } });
  await using directory = await makeDirectory();
  await using service = await startService({ dataDir: directory.path, servers: [server.url] });
  using grpc = createGrpcClients(service.url);
  await isReady(service.url);
  const first = await oneTask(grpc, url, server);
  for (let count = 1; count < WARM_COUNT; count += 1) await oneTask(grpc, url, server);
  const tasks: Moments[] = [];
  const startCpuMs = await cpuMs(service.pid);
  for (let count = 0; count < SINGLE_COUNT; count += 1) {
    tasks.push(await oneTask(grpc, url, server));
    await sleep(25);
  }
  const perTaskCpuMs = ((await cpuMs(service.pid)) - startCpuMs) / SINGLE_COUNT;
  const toPromptMs = tasks.map(({ sentAt, promptAt }) => promptAt - sentAt);
  const toWatcherMs = tasks.map(({ endedAt, knownAt }) => knownAt - endedAt);
  const figures = [
    ...inMs("submit to POST /prompt, idle", toPromptMs, [{ atMost: 12 }, { atMost: 40 }]),
    ...inMs("end of the run to the watcher's result", toWatcherMs, [{ atMost: 15 }]),
    { what: "the service's CPU time for one task", value: perTaskCpuMs, unit: "ms" },
    {
      what: "submit to POST /prompt, the first task of a process",
      value: first.promptAt - first.sentAt,
      unit: "ms",
    },
  ];
  return { figures, toPromptMs };
}

function inMs(
  what: string,
  values: readonly number[],
  [p50, p99]: readonly Goal[],
): readonly Figure[] {
  return [
    { what: `${what}: p50`, value: quantile(values, 0.5), unit: "ms", ...(p50 && { goal: p50 }) },
    {
      ...{ what: `${what}: p99`, value: quantile(values, 0.99), unit: "ms", note: NOTE },
      ...(p99 && { goal: p99 }),
    },
  ];
}

/** Of one task; Unix times in milliseconds. */
interface Moments {
  readonly sentAt: number;
  readonly promptAt: number;
  readonly endedAt: number;
  readonly knownAt: number;
}

async function oneTask(grpc: GrpcClients, url: string, server: TestCpuServer): Promise<Moments> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const sentAt = Date.now();
  const request = { url, type: TaskType.IMAGE, workflow: WORKFLOW };
  const { taskId } = await grpc.tasks.createTask(request, { signal });
  let status: TaskStatus | undefined;
  for await (const { task } of grpc.tasks.watchTask({ taskId }, { signal })) status = task?.status;
  const knownAt = Date.now();
  if (status !== TaskStatus.COMPLETED) throw new Error(`Task ${taskId} did not complete`);
  const own = (await server.log()).filter((entry) => entry.taskId === taskId);
  const at = (event: string): number => own.find((one) => one.event === event)?.at ?? Number.NaN;
  return { sentAt, promptAt: at("submitted"), endedAt: at("ended"), knownAt };
}

/** @returns from the first one's submission to the first prompt, each time with all done before. */
async function bursts(url: string): Promise<readonly number[]> {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 20 } } });
  await using directory = await makeDirectory();
  await using service = await startService({ dataDir: directory.path, servers: [server.url] });
  await using rest = connectRest(service.url);
  await isReady(service.url);
  const spansMs: number[] = [];
  for (let count = 1; count <= BURSTS; count += 1) {
    const sentAt = Date.now();
    await Promise.all(Array.from({ length: BURST_COUNT }, () => submit(rest, url, WORKFLOW)));
    await completed(rest, count * BURST_COUNT, LIMIT_MS);
    const prompts = (await server.log()).filter(({ event }) => event === "submitted");
    spansMs.push((prompts[(count - 1) * BURST_COUNT]?.at ?? Number.NaN) - sentAt);
  }
  return spansMs.slice(1);
}

/** How long a server waits between two runs, with the next inputs at hand. */
async function pauses(
  url: string,
  queueDepth: "auto" | 1,
): Promise<Pick<Figure, "value" | "unit" | "note">> {
  const simulate = { steps: 4, stepMs: RUN_MS / 4 };
  await using server = await startCpuServer({ switches: { simulate } });
  await using directory = await makeDirectory();
  await using app = await openBenchApp(
    { dataDir: directory.path, servers: [] },
    { comfyui: { servers: [{ url: server.url, queue_depth: queueDepth }] } },
  );
  await using rest = connectRest(app.url);
  await isReady(app.url);
  for (let count = 0; count < QUEUE_COUNT; count += 1) await submit(rest, url, WORKFLOW);
  await completed(rest, QUEUE_COUNT, LIMIT_MS);
  // The first ones teach how long they take.
  const gaps = gapsMs(await runsOf(server)).slice(3);
  const value = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const note = `p50 ${quantile(gaps, 0.5)}, at most ${Math.max(...gaps)} ms; runs of ${RUN_MS} ms`;
  return { value, unit: "ms", note };
}

/** Waits until a server is known to be there. */
async function isReady(url: string): Promise<void> {
  await eventually(async () => (await fetch(`${url}/ready`)).ok);
}
