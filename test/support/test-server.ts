import { pino } from "pino";
import { expect, onTestFinished } from "vitest";
import { type ApiServer, type ApiServerOptions, startApiServer } from "../../src/api/api-server.js";
import type { ApiServices } from "../../src/api/rpc/services.js";
import { eventually } from "./eventually.js";
import { TestTasks } from "./test-tasks.js";

/**
 * An API on a free port, with stand-ins for its use cases. Disposing closes it, and fails if a
 * connection or a stream is still open.
 */
export interface TestServer extends AsyncDisposable {
  readonly api: ApiServer;
  readonly port: number;
  /** Its IPv4 URL. */
  readonly url: string;
  readonly tasks: TestTasks;
  /** Its log lines, parsed. */
  readonly logLines: readonly Record<string, unknown>[];
}

/** Options of the API. */
export interface TestServerOptions extends Partial<Omit<ApiServerOptions, "services">> {
  readonly services?: Partial<ApiServices>;
}

/** Starts an API for the running test. It is disposed at the end of the test. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await openTestServer(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Starts an API for several tests. */
export async function openTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { services, ...rest } = options;
  const tasks = new TestTasks();
  const logLines: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line) => logLines.push(JSON.parse(line)) });
  const api = await startApiServer({
    hosts: ["127.0.0.1"],
    port: 0,
    logger,
    services: {
      tasks,
      monitor: testMonitor,
      workflows: noWorkflows,
      uploads: noUploads,
      deliveries: noDeliveries,
      ...services,
    },
    ...rest,
  });
  const url = `http://127.0.0.1:${api.port}`;
  async function dispose(): Promise<void> {
    await api.close({ graceMs: 500 });
    expect(api.connectionCount).toBe(0);
    await eventually(() => tasks.openStreamCount === 0);
  }
  return { api, port: api.port, url, tasks, logLines, [Symbol.asyncDispose]: dispose };
}

const testMonitor: ApiServices["monitor"] = {
  stats: async () => ({
    counts: { pending: 1, processing: 2, completed: 3, failed: 4, canceled: 5 },
    servers: [],
    tasks: [],
  }),
  async *watchStats() {
    yield await testMonitor.stats();
  },
  ready: async () => ({ ready: true }),
  history: async () => [],
  doctor: async () => [],
};

const noUploads: ApiServices["uploads"] = {
  take: () => Promise.reject(new Error("The test takes no uploads")),
};

const noDeliveries: ApiServices["deliveries"] = {
  list: async () => [],
  redeliver: async () => {},
};

const noWorkflows: ApiServices["workflows"] = {
  list: () => [],
  get: () => {
    throw new Error("The test has no workflows");
  },
};
