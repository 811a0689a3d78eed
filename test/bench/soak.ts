import { setTimeout as sleep } from "node:timers/promises";
import { createGrpcClients, TaskType } from "../../src/client/client.js";
import { startCpuServer } from "../support/cpu-server.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject, SubjectOptions } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { type BenchService, openFileCount, residentMb, startService } from "./service.js";

const DEFAULT_MINUTES = 60;
const CLIENT_COUNT = 6;
const SAMPLE_MS = 5_000;
const SWITCHES = { simulate: { steps: 3, stepMs: 20 } };

/** What the service holds at one moment. */
interface Holdings {
  readonly residentMb: number;
  readonly heapMb: number;
  readonly files: number;
  /** Timers, sockets and whatever else keeps Node running. */
  readonly resources: number;
}

/**
 * Tasks without end: created, watched, one in five canceled, their results fetched. What the service
 * holds at least in the last third is compared with the same of the second third, the first one being
 * its youth: between two collections of garbage the heap grows and tells nothing.
 */
export const soak: Subject = {
  name: "soak",
  async measure(options) {
    await using first = await startCpuServer({ switches: SWITCHES });
    await using second = await startCpuServer({ switches: SWITCHES });
    await using directory = await makeDirectory();
    await using origin = await serveContent(await smallPicture());
    const servers = [first.url, second.url];
    await using service = await startService({ dataDir: directory.path, servers });
    const stop = new AbortController();
    const counts = { ended: 0 };
    const clients = Array.from({ length: CLIENT_COUNT }, () =>
      runClient(service.url, origin.url, stop.signal, counts),
    );
    const samples = await sampleFor(service, options);
    const endedCount = counts.ended;
    stop.abort();
    await Promise.all(clients);
    return toFigures(samples, endedCount, service.errorText);
  },
};

async function sampleFor(
  service: BenchService,
  { minutes = DEFAULT_MINUTES, say }: SubjectOptions,
): Promise<readonly Holdings[]> {
  const samples: Holdings[] = [];
  const endMs = performance.now() + minutes * 60_000;
  while (performance.now() < endMs) {
    await sleep(SAMPLE_MS);
    const sample = await readHoldings(service);
    samples.push(sample);
    if (samples.length % 12 === 0) say(JSON.stringify(sample));
  }
  return samples;
}

async function runClient(
  address: string,
  url: string,
  signal: AbortSignal,
  counts: { ended: number },
): Promise<void> {
  using grpc = createGrpcClients(address);
  const workflow = "cpu_image_2x";
  for (let count = 1; !signal.aborted; count += 1) {
    const { taskId } = await grpc.tasks.createTask({ url, type: TaskType.IMAGE, workflow });
    let result: string | undefined;
    for await (const { task } of grpc.tasks.watchTask({ taskId })) {
      result = task?.output?.url;
      if (count % 5 === 0) await grpc.tasks.cancelTask({ taskId }).catch(() => undefined);
    }
    if (result !== undefined) await (await fetch(result)).arrayBuffer();
    counts.ended += 1;
  }
}

async function readHoldings({ url, pid }: BenchService): Promise<Holdings> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  return {
    residentMb: await residentMb(pid),
    heapMb: read("nodejs_heap_size_used_bytes") / 1e6,
    files: await openFileCount(pid),
    resources: read("nodejs_active_resources_total"),
  };
}

function toFigures(samples: readonly Holdings[], endedCount: number, errorText: string): Figure[] {
  const third = Math.floor(samples.length / 3);
  const middle = samples.slice(third, 2 * third);
  const last = samples.slice(2 * third);
  const growth = (what: string, key: keyof Holdings, unit: string, atMost: number): Figure => {
    const [before, after] = [middle, last].map((part) => least(part, key)) as [number, number];
    const most = Math.max(...samples.map((sample) => sample[key]));
    const note = `least ${before.toFixed(1)}, then ${after.toFixed(1)}; most of all ${most.toFixed(1)}`;
    return { what: `growth of ${what}`, value: after - before, unit, goal: { atMost }, note };
  };
  const leakCount = errorText.split("MaxListenersExceededWarning").length - 1;
  const minutes = (samples.length * SAMPLE_MS) / 60_000;
  return [
    { what: `tasks ended in ${minutes.toFixed(1)} minutes`, value: endedCount, unit: "" },
    growth("resident memory", "residentMb", "MB", 20),
    growth("the heap in use after a collection", "heapMb", "MB", 10),
    growth("open files and sockets", "files", "", 5),
    growth("active resources (timers, sockets, requests)", "resources", "", 10),
    { what: "warnings of too many listeners", value: leakCount, unit: "", goal: { atMost: 0 } },
  ];
}

function least(samples: readonly Holdings[], key: keyof Holdings): number {
  return Math.min(...samples.map((sample) => sample[key]));
}
