import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "./cpu-server.js";
import { eventually } from "./eventually.js";
import { judgeRuns } from "./judge-runs.js";
import { aPicture, serve } from "./pictures.js";
import { startService, type TestService } from "./service-process.js";
import { tempDir } from "./temp-dir.js";
import type { RestTask } from "./test-app.js";

/** The numbers and the settings of replicas and servers. */
export interface ReplicasOptions {
  readonly mongodbUri: string;
  readonly replicaCount?: number;
  readonly serverCount?: number;
  readonly switches?: SwitchInput;
  readonly env?: Readonly<Record<string, string>>;
}

/** Replicas of the service as processes. They share a database and a pool of servers. */
export interface Replicas extends AsyncDisposable {
  readonly all: readonly TestService[];
  readonly servers: readonly TestCpuServer[];
  /** The ids of all accepted tasks. */
  readonly submitted: readonly string[];
  /** Submits a task through any replica, until one accepts it. */
  submit(): Promise<string>;
  /** The current state of a task, from any replica that answers. */
  task(taskId: string): Promise<RestTask>;
  /** How many tasks have not ended. */
  openCount(): Promise<number>;
  /** Waits until every accepted task has completed. */
  completed(limitMs: number): Promise<readonly RestTask[]>;
  /**
   * Checks by the servers' logs that nothing ran twice. @returns how many runs were lost with their
   * server.
   */
  ranOnce(): Promise<number>;
}

/** How long a lease lasts in these tests. It takes this time to notice that a holder is dead. */
export const LEASE_SECONDS = 4;
const CALL_LIMIT_MS = 60_000;

/** Starts all servers and replicas at the same time. */
export async function startReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { replicaCount = 3, serverCount = 3, mongodbUri, env } = options;
  const { switches = { simulate: { steps: 10, stepMs: 100 } } } = options;
  const servers = await Promise.all(times(serverCount, () => startCpuServer({ switches })));
  const urls = servers.map(({ url }) => url);
  const dataDir = await tempDir();
  const all = await Promise.all(
    times(replicaCount, () =>
      startService(urls, {
        MONGODB_URI: mongodbUri,
        TMLSR_DATA_DIR: dataDir,
        TMLSR_LEASE_SECONDS: String(LEASE_SECONDS),
        ...env,
      }),
    ),
  );
  return new Fleet(all, servers, await serve(await aPicture()));
}

class Fleet implements Replicas {
  readonly all: readonly TestService[];
  readonly servers: readonly TestCpuServer[];
  readonly submitted: string[] = [];
  readonly #inputUrl: string;
  readonly #ended = new Map<string, RestTask>();

  constructor(all: readonly TestService[], servers: readonly TestCpuServer[], inputUrl: string) {
    this.all = all;
    this.servers = servers;
    this.#inputUrl = inputUrl;
  }

  async submit(): Promise<string> {
    const request = { type: "image", workflow: "cpu_image_2x", url: this.#inputUrl };
    const answer = await this.#ask("POST", "/tasks", request, randomUUID());
    this.submitted.push(answer.task_id);
    return answer.task_id;
  }

  async task(taskId: string): Promise<RestTask> {
    return await this.#ask("GET", `/tasks/${taskId}`);
  }

  async openCount(): Promise<number> {
    for (const taskId of this.submitted) {
      if (this.#ended.has(taskId)) continue;
      const task = await this.task(taskId);
      if (["completed", "failed", "canceled"].includes(task.status)) this.#ended.set(taskId, task);
    }
    return this.submitted.length - this.#ended.size;
  }

  async completed(limitMs: number): Promise<readonly RestTask[]> {
    const isDone = async () => (await this.openCount()) === 0;
    await eventually(isDone, { limitMs, intervalMs: 200 }).catch(async (error: unknown) => {
      throw new Error(`Open still: ${JSON.stringify(await this.#open())}`, { cause: error });
    });
    const tasks = this.submitted.map((id) => this.#ended.get(id));
    expect(tasks.filter((task) => task.status !== "completed")).toEqual([]);
    return tasks;
  }

  async ranOnce(): Promise<number> {
    const logs = await Promise.all(this.servers.map((server) => server.log().catch(() => [])));
    const { neverRun, runTwice, lostWithServerCount } = judgeRuns(logs, this.submitted);
    expect({ neverRun, runTwice }).toEqual({ neverRun: [], runTwice: [] });
    return lostWithServerCount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((replica) => replica[Symbol.asyncDispose]()));
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }

  async #open(): Promise<RestTask[]> {
    const ids = this.submitted.filter((id) => !this.#ended.has(id));
    return await Promise.all(ids.map((id) => this.task(id)));
  }

  /** Asks one replica after another, beginning with a random one, until one answers 200. */
  async #ask(method: string, path: string, body?: object, key?: string): Promise<RestTask> {
    const deadline = performance.now() + CALL_LIMIT_MS;
    let last: unknown;
    for (let index = randomBelow(this.all.length); performance.now() < deadline; index += 1) {
      const replica = this.all[index % this.all.length] as TestService;
      try {
        const response = await fetch(replica.url + path, {
          method,
          signal: AbortSignal.timeout(15_000),
          headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
          ...(body && { body: JSON.stringify(body) }),
        });
        last = await response.text();
        if (response.status === 200) return JSON.parse(String(last));
      } catch (error) {
        last = error;
      }
      await sleep(50);
    }
    throw new Error(`No replica answered ${method} ${path}, the last: ${String(last)}`);
  }
}

/** A random whole number from 0, below `limit`. */
export function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit);
}

function times<T>(count: number, make: () => Promise<T>): Promise<T>[] {
  return Array.from({ length: count }, make);
}
