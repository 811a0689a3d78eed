import { spawn } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { NewTask } from "../../src/store/task-intake.js";
import type { Fence } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { openBenchApp } from "./app.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { quantile } from "./quantile.js";
import { residentMb } from "./service.js";

const TASK_COUNT = 10_000;
const STREAM_COUNT = 2_000;
const TASKS_PER_LABEL = 5;
/** Tasks whose progress changes in a second. */
const CHANGE_COUNT = 1_000;
const MEASURE_MS = 20_000;
const LEASE_MS = 3_600_000;
const WORKFLOW = "cpu_image_2x";
const CROWD = fileURLToPath(new URL("watch-many-crowd.ts", import.meta.url));

/** 2,000 streams of many tasks over 10,000 that run. The store and who runs them are in the same process. */
export const watchMany: Subject = {
  name: "watch-many",
  async measure({ say }) {
    await using directory = await makeDirectory();
    // A server that is never there: the bench itself runs the tasks.
    await using app = await openBenchApp({
      dataDir: directory.path,
      servers: ["http://127.0.0.1:1"],
    });
    const { store } = app.app;
    const fences = await runTasks(store);
    say(`${fences.length} tasks run`);
    const figures: Figure[] = [];
    const nobody = await whileTasksRun(store, fences);
    figures.push({ what: "CPU without streams", value: nobody.cpuRatio, unit: "" });
    const beforeMb = await residentMb(process.pid);
    await using crowd = await openCrowd(app.url);
    say(`${STREAM_COUNT} streams are open`);
    const openMb = await residentMb(process.pid);
    await crowd.bytes();
    const all = await whileTasksRun(store, fences);
    const perSecond = (await crowd.bytes()) / 1e6 / (MEASURE_MS / 1000);
    const busyMb = await residentMb(process.pid);
    return [
      ...figures,
      { what: `CPU with ${STREAM_COUNT} streams`, value: all.cpuRatio, unit: "" },
      { what: "told in a second", value: perSecond, unit: "MB/s" },
      { what: "event-loop delay: p99", value: all.p99Ms, unit: "ms", goal: { atMost: 200 } },
      { what: "event-loop delay: longest", value: all.longestMs, unit: "ms" },
      { what: "processor time of a turn: p99", value: all.turnCpuMs, unit: "ms" },
      { what: "the same without streams: p99", value: nobody.p99Ms, unit: "ms" },
      { what: "the same without streams: longest", value: nobody.longestMs, unit: "ms" },
      { what: "resident memory before the streams", value: beforeMb, unit: "MB" },
      { what: "resident memory, streams open", value: openMb, unit: "MB" },
      { what: "resident memory, updates flow", value: busyMb, unit: "MB", goal: { atMost: 1_000 } },
    ];
  },
};

async function runTasks(store: TaskStore): Promise<readonly Fence[]> {
  for (let made = 0; made < TASK_COUNT; made += 500)
    await store.createTogether(Array.from({ length: 500 }, (_, index) => aTask(made + index)));
  const fences: Fence[] = [];
  const lease = { owner: "bench", leaseMs: LEASE_MS, maxBypassCount: 8, maxBypassMs: 1_000 };
  while (fences.length < TASK_COUNT) {
    // Together, so that they share a commit.
    const leased = await Promise.all(
      Array.from({ length: 100 }, () =>
        store.lease({ ...lease, workflows: [WORKFLOW], prefer: [] }),
      ),
    );
    for (const task of leased) if (task) fences.push({ taskId: task.taskId, epoch: task.epoch });
  }
  return fences;
}

function aTask(index: number): NewTask {
  return {
    params: { url: "https://example.com/a/picture/of/some/size.jpg", type: "image" },
    ...{ type: "image", workflow: WORKFLOW, workflowVersion: "bench", parameters: {}, priority: 1 },
    labels: { job: String(Math.floor(index / TASKS_PER_LABEL)) },
  };
}

interface Measured {
  readonly cpuRatio: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  readonly turnCpuMs: number;
}

/** Lets tasks get on, a tenth of those of a second at a time. */
async function whileTasksRun(store: TaskStore, fences: readonly Fence[]): Promise<Measured> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  using turns = watchTurns();
  const [startedAtMs, cpu] = [performance.now(), process.cpuUsage()];
  const batch = CHANGE_COUNT / 10;
  for (let count = 0; performance.now() - startedAtMs < MEASURE_MS; count += 1) {
    const reports = Array.from({ length: batch }, (_, index) => {
      const fence = fences[(count * batch + index) % fences.length];
      const progress = Math.min(100, (count * batch) / fences.length + 1);
      const stage = { name: "process", progress, detail: `Step ${count}` } as const;
      return { taskId: "", epoch: 0, ...fence, stage, progress };
    });
    await store.heartbeat("bench", LEASE_MS, reports);
    await sleep(Math.max(0, startedAtMs + (count + 1) * 100 - performance.now()));
  }
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  return {
    cpuRatio: (user + system) / 1000 / (performance.now() - startedAtMs),
    p99Ms: delay.percentile(99) / 1e6,
    longestMs: delay.max / 1e6,
    turnCpuMs: turns.p99Ms(),
  };
}

/** The processor time of this process between two turns of its event loop: other processes add nothing. */
function watchTurns() {
  const tookMs: number[] = [];
  let before = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    tookMs.push((user + system) / 1000);
  }, 5);
  return {
    p99Ms: () => quantile(tookMs, 0.99),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** The clients, in a process of their own; `bytes` tells what came since it was asked last. */
async function openCrowd(url: string) {
  const args = ["--import", "tsx", CROWD, url, String(STREAM_COUNT)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([once(lines, "line"), exited]);
  if (line !== "served") throw new Error("The streams were not served");
  return {
    async bytes(): Promise<number> {
      child.stdin.write("\n");
      const [text] = await once(lines, "line");
      return Number(text);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
