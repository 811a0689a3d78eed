import diagnostics from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskStore } from "../../src/store/task-store.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { openBenchApp } from "./app.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { quantile } from "./quantile.js";
import { connectRest } from "./rest-client.js";
import { busyMs, busyShare, gapsMs, runsOf } from "./server-logs.js";
import { completed, submit } from "./tasks.js";

const WORKFLOW = "cpu_image_2x";
/** Stage times of 0.1, 5.2 and 1.6 s, a tenth of it. */
const DOWNLOAD_MS = 10;
const STEP_COUNT = 10;
const STEP_MS = 52;
const UPLOAD_MS = 160;
const TASK_COUNT = 40;
const READY_COUNT = 40;
const LIMIT_MS = 120_000;

/** How busy the pool keeps its servers, and what of our own lies between an input and its prompt. */
export const handOver: Subject = {
  name: "hand-over",
  async measure({ say }) {
    say("input ready to POST /prompt");
    const ready = await inputReadyToPrompt();
    say("GPU busy share");
    const auto = await busy("auto");
    const single = await busy(1);
    return [...ready, ...auto, ...single];
  },
};

/**
 * The time from the moment a task's input is known to be there to the moment its prompt leaves the
 * process, with a server that is free. Both are seen from inside: the store tells of the download's
 * end, undici of what it sends.
 */
async function inputReadyToPrompt(): Promise<Figure[]> {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
  await using directory = await makeDirectory();
  await using origin = await serveContent(await smallPicture());
  await using app = await openBenchApp({ dataDir: directory.path, servers: [server.url] });
  await using rest = connectRest(app.url);
  using moments = new Moments(app.app.store);
  const spansMs: number[] = [];
  for (let count = 0; count < READY_COUNT; count += 1) {
    const taskId = await submit(rest, origin.url, WORKFLOW);
    await completed(rest, count + 1, LIMIT_MS);
    spansMs.push(moments.promptSentAtMs - (moments.inputReadyAtMs.get(taskId) ?? Number.NaN));
    await sleep(20);
  }
  const what = "input ready to POST /prompt, a free server";
  return [
    { what: `${what}: p50`, value: quantile(spansMs, 0.5), unit: "ms", goal: { atMost: 5 } },
    { what: `${what}: p99`, value: quantile(spansMs, 0.99), unit: "ms" },
  ];
}

/** When inputs were ready and the last prompt was sent, by the monotonic clock. */
class Moments implements Disposable {
  readonly inputReadyAtMs = new Map<string, number>();
  promptSentAtMs = Number.NaN;
  readonly #unsubscribe: () => void;

  constructor(store: TaskStore) {
    this.#unsubscribe = store.subscribe(({ taskId }) => {
      const nowMs = performance.now();
      store.get(taskId).then(
        (task) => {
          if (task?.stages.download?.status === "success" && !this.inputReadyAtMs.has(taskId))
            this.inputReadyAtMs.set(taskId, nowMs);
        },
        () => undefined,
      );
    });
    diagnostics.subscribe(SEND_CHANNEL, this.#onSend);
  }

  readonly #onSend = (message: unknown): void => {
    const { request } = message as { request: { method: string; path: string } };
    if (request.method === "POST" && request.path === "/prompt")
      this.promptSentAtMs = performance.now();
  };

  [Symbol.dispose](): void {
    this.#unsubscribe();
    diagnostics.unsubscribe(SEND_CHANNEL, this.#onSend);
  }
}

const SEND_CHANNEL = "undici:client:sendHeaders";

/** @param queueDepth auto: short prompts queue on the server; 1: each waits for the one before, as long ones do. */
async function busy(queueDepth: "auto" | 1): Promise<Figure[]> {
  await using first = await startBusyServer();
  await using second = await startBusyServer();
  const servers = [first, second];
  await using directory = await makeDirectory();
  await using origin = await serveContent(await smallPicture(), DOWNLOAD_MS);
  const settings = servers.map(({ url }) => ({ url, queue_depth: queueDepth }));
  await using app = await openBenchApp(
    { dataDir: directory.path, servers: [] },
    { comfyui: { servers: settings } },
  );
  await using rest = connectRest(app.url);
  const submitted = Array.from({ length: TASK_COUNT }, () => submit(rest, origin.url, WORKFLOW));
  await Promise.all(submitted);
  await completed(rest, TASK_COUNT, LIMIT_MS);
  const runs = await Promise.all(servers.map(runsOf));
  const gaps = runs.flatMap(gapsMs);
  const all = runs.flat();
  const spanMs =
    Math.max(...all.map(({ endedAt }) => endedAt)) -
    Math.min(...all.map(({ startedAt }) => startedAt));
  const what = `queue depth ${queueDepth}, 2 servers, ${TASK_COUNT} tasks`;
  const scale = "stage times 0.01 : 0.52 : 0.16 s";
  return [
    {
      what: `GPU busy share, ${what}: the less busy server`,
      value: Math.min(...runs.map(busyShare)),
      unit: "",
      ...(queueDepth === "auto" && { goal: { atLeast: 0.98 } }),
      note: `${scale}; ${runs.map(({ length }) => length).join(" and ")} prompts; from first start to last end on each`,
    },
    {
      what: "GPU busy share of both from the first start to the last end of all",
      value: busyMs(all) / (spanMs * servers.length),
      unit: "",
    },
    { what: "pause between two prompts: p50", value: quantile(gaps, 0.5), unit: "ms" },
    { what: "pause between two prompts: p99", value: quantile(gaps, 0.99), unit: "ms" },
  ];
}

function startBusyServer(): Promise<TestCpuServer> {
  return startCpuServer({
    switches: {
      simulate: { steps: STEP_COUNT, stepMs: STEP_MS },
      http: [{ path: "/view", fault: "delay", ms: UPLOAD_MS }],
    },
  });
}
