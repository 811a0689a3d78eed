import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createGrpcClients, type GrpcClients } from "../../src/client/client.js";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { makeDirectory } from "./directory.js";
import type { Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { quantile } from "./quantile.js";
import { seedStore } from "./seed-store.js";
import { residentMb, startService } from "./service.js";

const STREAM_COUNT = 10_000;
const CONNECTION_COUNT = 20;
const BATCH_COUNT = 200;
/** For one batch. */
const OPEN_LIMIT_MS = 30_000;
const MEASURE_MS = 15_000;
/** The servers work when told to, in many small steps. */
const IDLE = { workerDead: true, simulate: { steps: 10, stepMs: 20 } };

/** Every stored task watched by a stream of its own, while two servers work on one after the other. */
export const watchStreams: Subject = {
  name: "watch-streams",
  async measure({ say }) {
    await using first = await startCpuServer({ switches: IDLE });
    await using second = await startCpuServer({ switches: IDLE });
    await using directory = await makeDirectory();
    await using origin = await serveContent(await smallPicture());
    const seed = { count: STREAM_COUNT, status: "pending", url: origin.url } as const;
    const ids = await seedStore(directory.path, seed);
    const servers = [first.url, second.url];
    await using service = await startService({ dataDir: directory.path, servers });
    const beforeMb = await residentMb(service.pid);
    await using watchers = new Watchers(service.url);
    await watchers.watchAll(ids.slice(0, STREAM_COUNT));
    say(`${watchers.openCount} streams are open`);
    const openMb = await residentMb(service.pid);
    watchers.latenciesMs.length = 0;
    for (const server of [first, second]) await server.set({ workerDead: null });
    await sleep(MEASURE_MS);
    const latenciesMs = [...watchers.latenciesMs];
    const busyMb = await residentMb(service.pid);
    const note = `${latenciesMs.length} updates; from the change's own time to its arrival`;
    return [
      { what: "resident memory before the streams", value: beforeMb, unit: "MB" },
      { what: `resident memory, ${STREAM_COUNT} open streams`, value: openMb, unit: "MB" },
      { what: "the same while updates flow", value: busyMb, unit: "MB", goal: { atMost: 1_000 } },
      { what: "update to its watcher: p50", value: quantile(latenciesMs, 0.5), unit: "ms" },
      {
        what: "update to its watcher: p99",
        value: quantile(latenciesMs, 0.99),
        unit: "ms",
        goal: { atMost: 1_000 },
        note,
      },
    ];
  },
};

/** Watches tasks over gRPC, on several connections. */
class Watchers implements AsyncDisposable {
  readonly latenciesMs: number[] = [];
  /** Streams that have told the task's first state. */
  openCount = 0;
  errorText: string | undefined;
  readonly #clients: readonly GrpcClients[];
  readonly #stop = new AbortController();
  readonly #streams: Promise<void>[] = [];

  constructor(url: string) {
    setMaxListeners(0, this.#stop.signal);
    const channelOptions = { "grpc.use_local_subchannel_pool": 1 };
    this.#clients = Array.from({ length: CONNECTION_COUNT }, () =>
      createGrpcClients(url, { channelOptions }),
    );
  }

  /** Opens a stream for each task, some at a time, so that neither side is overrun. */
  async watchAll(ids: readonly string[]): Promise<void> {
    for (let count = 0; count < ids.length; count += BATCH_COUNT) {
      const batch = ids.slice(count, count + BATCH_COUNT);
      for (const id of batch) this.#watch(id);
      const isOpen = (): boolean => {
        if (this.errorText !== undefined) throw new Error(this.errorText);
        return this.openCount >= count + batch.length;
      };
      await eventually(isOpen, { limitMs: OPEN_LIMIT_MS });
    }
  }

  #watch(taskId: string): void {
    const client = this.#clients[this.#streams.length % this.#clients.length];
    if (client !== undefined) this.#streams.push(this.#run(client, taskId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#streams);
    for (const client of this.#clients) client[Symbol.dispose]();
  }

  async #run({ tasks }: GrpcClients, taskId: string): Promise<void> {
    const { signal } = this.#stop;
    let isOpen = false;
    try {
      for await (const { task } of tasks.watchTask({ taskId }, { signal })) {
        if (!isOpen) this.openCount += 1;
        else if (task?.updatedAt !== undefined)
          this.latenciesMs.push(Date.now() - timestampDate(task.updatedAt).getTime());
        isOpen = true;
      }
    } catch (error) {
      if (!signal.aborted) this.errorText ??= String(error);
    }
  }
}
