import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect } from "vitest";
import type { Fence } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { callHttp, type HttpAnswer, type HttpCallOptions } from "./http-call.js";
import { aLease, fenceOf } from "./task-store-builders.js";
import { type RestTask, startTestApp, type TestApp, type TestAppOptions } from "./test-app.js";

/** One app that all tests of a file share, and a client of its REST API. */
export interface SharedApp {
  readonly app: TestApp;
  readonly store: TaskStore;
  /** Sends a request exactly as it is given. */
  call(method: string, path: string, options?: HttpCallOptions): Promise<HttpAnswer>;
  get(path: string, headers?: HttpCallOptions["headers"]): Promise<HttpAnswer>;
  /** Sends JSON to `POST /tasks`. */
  post(body: unknown, headers?: HttpCallOptions["headers"]): Promise<HttpAnswer>;
  /** Submits a task. Fails if it is not accepted. @returns its id. */
  submit(body?: object): Promise<string>;
  task(taskId: string): Promise<RestTask>;
  /** Leases a task instead of the scheduler, which does not lease tasks that no server can run. */
  hold(taskId: string): Promise<Fence>;
}

/** The URL of an input, for tests in which nobody downloads it. */
export const INPUT_URL = "https://example.com/image.jpg";

/**
 * Opens an app before the tests of a file and closes it after them.
 *
 * @param options if it is a function, it is called before the app is opened.
 */
export function useTestApp(options: TestAppOptions | (() => TestAppOptions) = {}): SharedApp {
  const shared = new OpenedApp();
  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "tmlsr-test-"));
    const chosen = typeof options === "function" ? options() : options;
    const app = await startTestApp({ ...chosen, dataDir });
    shared.open(app);
    return async () => {
      await app[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    };
  });
  return shared;
}

class OpenedApp implements SharedApp {
  #app: TestApp | undefined;

  open(app: TestApp): void {
    this.#app = app;
  }

  get app(): TestApp {
    if (this.#app === undefined) throw new Error("The app is opened before the first test");
    return this.#app;
  }

  get store(): TaskStore {
    return this.app.app.store;
  }

  async call(method: string, path: string, options?: HttpCallOptions): Promise<HttpAnswer> {
    return await callHttp(this.app.url, method, path, options);
  }

  async get(path: string, headers: HttpCallOptions["headers"] = {}): Promise<HttpAnswer> {
    return await this.call("GET", path, { headers });
  }

  async post(body: unknown, headers: HttpCallOptions["headers"] = {}): Promise<HttpAnswer> {
    return await this.call("POST", "/tasks", { body, headers });
  }

  async submit(body: object = {}): Promise<string> {
    return await this.app.submit({ url: INPUT_URL, ...body });
  }

  async task(taskId: string): Promise<RestTask> {
    const { status, body } = await this.get(`/tasks/${taskId}`);
    expect(status).toBe(200);
    return body;
  }

  async hold(taskId: string): Promise<Fence> {
    const { workflow } = await this.task(taskId);
    const others: Fence[] = [];
    for (;;) {
      const leased = await this.store.lease(aLease({ workflows: [workflow] }));
      if (leased === undefined) throw new Error(`Task ${taskId} cannot be leased`);
      if (leased.taskId !== taskId) others.push(fenceOf(leased));
      else {
        for (const other of others) await this.store.settle(other, { kind: "handed_back" });
        return fenceOf(leased);
      }
    }
  }
}

/** Checks that an answer is a problem document in the form of all errors. */
export function expectProblem(
  answer: HttpAnswer,
  expected: { readonly status: number; readonly code: string; readonly detail?: unknown },
): void {
  const { status, ...body } = expected;
  expect(answer.body).toMatchObject(body);
  expect(answer.status).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  const { errors, ...members } = answer.body;
  expect(Object.keys(members).sort()).toEqual(["code", "detail", "title", "type"]);
  for (const member of Object.values(members)) expect(member).toEqual(expect.any(String));
  for (const error of errors ?? [])
    expect(error).toEqual({ field: expect.any(String), message: expect.any(String) });
}
