import { expect } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createGrpcClients, type GrpcClients } from "../../src/client/client.js";
import { toConfig } from "../../src/config/config.js";
import { readSettings } from "../../src/config/read-settings.js";
import { createLogger } from "../../src/lib/logger.js";
import { firstAnswers } from "../../src/pool/first-answers.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { eventually, LIMIT_MS } from "./eventually.js";
import { heldSlots } from "./held-slots.js";
import { tempDir } from "./temp-dir.js";

/** Options of a test's app. `env` overrides the fast settings that tests use by default. */
export interface TestAppOptions {
  /** URLs of ComfyUI servers. Left out: a URL where nothing listens, so that tasks wait. */
  readonly servers?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The content of a configuration file. */
  readonly file?: object;
  /** Left out: a new directory that is removed after the test. */
  readonly dataDir?: string;
  /** An open store to share with the test. Left out: the app opens its own. */
  readonly store?: TaskStore;
}

/** The real app in this process, on a free port. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
  readonly dataDir: string;
  readonly grpc: GrpcClients;
  /** Calls the REST API and returns the JSON. */
  rest(method: string, path: string, body?: unknown): Promise<RestAnswer>;
  /** Submits a task and returns its id. */
  submit(request: object): Promise<string>;
  /** Waits for a task's end. */
  ended(taskId: string, limitMs?: number): Promise<RestTask>;
}

/** An answer of the REST API. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  readonly body: any;
}

/** A task as REST shows it. */
export type RestTask = RestAnswer["body"];

/** A port where nothing listens, so that connections are refused at once. */
export const NOBODY = "http://127.0.0.1:1";

const FIRST_ANSWERS_MS = 20_000;

/** Opens the app and waits until it knows its servers; disposing it closes it and fails if a slot is still held for a task that has ended. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const dataDir = options.dataDir ?? (await tempDir());
  const env = {
    TMLSR_PORT: "0",
    TMLSR_DATA_DIR: dataDir,
    TMLSR_INPUT_ALLOW: "127.0.0.1",
    TMLSR_RETRY_DELAY: "0.05",
    COMFYUI_SERVERS: (options.servers ?? [NOBODY]).join(","),
    ...options.env,
  };
  const file = options.file && { name: "config.yaml", content: options.file };
  const config = toConfig(readSettings(env, file));
  const logger = createLogger(process.env["TEST_LOG"] ?? "silent");
  const { store } = options;
  const app = await openApp(config, logger, ...(store ? [async () => store] : []));
  // The app itself waits no longer than a user would.
  await firstAnswers(app.pool, FIRST_ANSWERS_MS, false);
  return new RunningApp(app, dataDir);
}

class RunningApp implements TestApp {
  readonly app: App;
  readonly url: string;
  readonly dataDir: string;
  readonly grpc: GrpcClients;

  constructor(app: App, dataDir: string) {
    this.app = app;
    this.dataDir = dataDir;
    this.url = `http://127.0.0.1:${app.api.port}`;
    this.grpc = createGrpcClients(this.url);
  }

  async rest(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return await callRest(this.url, method, path, body);
  }

  async submit(request: object): Promise<string> {
    const { status, body } = await this.rest("POST", "/tasks", request);
    expect(body).toMatchObject({ status: "ok" });
    expect(status).toBe(200);
    return body.task_id;
  }

  async ended(taskId: string, limitMs = LIMIT_MS): Promise<RestTask> {
    return await eventually(
      async () => {
        const { body } = await this.rest("GET", `/tasks/${taskId}`);
        return ["completed", "failed", "canceled"].includes(body.status) ? body : false;
      },
      { limitMs, intervalMs: 25 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.grpc[Symbol.dispose]();
    const held = await heldSlots(this.app.store);
    const tasks = await Promise.all(held.map(({ taskId }) => this.app.store.get(taskId)));
    await this.app[Symbol.asyncDispose]();
    const leaked = tasks.filter((task) => task?.finishedAt !== undefined && !task.cleanupPending);
    expect(leaked, "slots held by ended tasks").toEqual([]);
  }
}

/** Calls a REST API and returns the JSON of its answer. */
export async function callRest(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<RestAnswer> {
  const response = await fetch(url + path, {
    method,
    ...(body !== undefined && {
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}
