import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test, vi } from "vitest";
import { DisposalStack } from "../../../src/lib/disposal-stack.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { openMongoStore } from "../../../src/store/mongo/open-mongo-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { heldSlots } from "../../support/held-slots.js";
import { describeWithMongo, uriOf } from "../../support/mongo.js";
import { startService, type TestService } from "../../support/service-process.js";
import {
  copyDataOfBefore,
  PUBLIC_URL_OF_BEFORE,
  readTasksOfBefore,
  readWrittenBefore,
  restoreDump,
  type StoreName,
  type TaskOfBefore,
} from "../../support/stores-of-before.js";
import type { RestTask } from "../../support/test-app.js";

// The database may be an emulated one, and the standalone service computes on this CPU.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });
const END_LIMIT_MS = 120_000;

/** The service of today on what an older version left. */
interface Upgraded extends AsyncDisposable {
  readonly service: TestService;
  readonly name: StoreName;
  readonly tasks: readonly TaskOfBefore[];
  /** Opens the store by itself, once the service has ended. */
  openStore(): Promise<TaskStore>;
}

describe("an embedded store of version 0.1.0", () => {
  describeUpgrade(async () => {
    const dataDir = await copyDataOfBefore("embedded");
    const service = await startService([], settings(dataDir));
    return {
      ...{ service, name: "embedded", tasks: await readTasksOfBefore("embedded") },
      openStore: () => openEmbeddedStore({ directory: dataDir }),
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  });
});

await describeWithMongo("a MongoDB store of version 0.1.0", (take) => {
  describeUpgrade(async () => {
    await using opening = new DisposalStack();
    const database = opening.use(await take());
    const dataDir = await copyDataOfBefore("mongodb");
    const server = opening.use(await startCpuServer({ dir: join(dataDir, "cpu-server") }));
    await restoreDump(database, server.url);
    const env = { ...settings(dataDir), MONGODB_URI: uriOf(database) };
    const service = opening.use(await startService([server.url], env));
    const tasks = await readTasksOfBefore("mongodb", server.url);
    const opened = opening.move();
    return {
      ...{ service, name: "mongodb", tasks },
      openStore: () => openMongoStore({ uri: database.uri, database: database.name }),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  });
});

function describeUpgrade(open: () => Promise<Upgraded>): void {
  test("brings every task that had not ended to its end, and leaves no slot held", async () => {
    await using upgraded = await open();
    const { service, tasks } = upgraded;
    for (const task of tasks) await expectEnd(task, upgraded);
    expect(await service.kill("SIGTERM")).toBe(0);
    await using store = await upgraded.openStore();
    expect(await heldSlots(store)).toEqual([]);
    for (const { taskId } of tasks) {
      const stored = await store.get(taskId);
      expect([stored?.cleanupPending, stored?.dispatch]).toEqual([undefined, undefined]);
    }
    const counts = { pending: 1, processing: 0, completed: 12, failed: 1, canceled: 2 };
    expect(await store.counts()).toEqual(counts);
  });

  test("shows the tasks that had ended as they were, with their results", async () => {
    await using upgraded = await open();
    const { service } = upgraded;
    const ended = upgraded.tasks.filter(({ end }) => end === "shown");
    expect(ended).toHaveLength(4);
    for (const { taskId, answer } of ended) {
      const { status, body } = await service.rest("GET", `/tasks/${taskId}`);
      expect([status, body]).toEqual([200, expect.objectContaining(answer)]);
      for (const output of answer.outputs)
        expect(await readOutput(service, output)).toHaveLength(output.size_bytes);
    }
    const { body } = await service.rest("GET", "/tasks?page_size=500");
    const ids = upgraded.tasks.map(({ taskId }) => taskId).sort();
    expect(body.tasks.map((one: RestTask) => one.task_id).sort()).toEqual(ids);
  });

  test("answers an idempotency key with the task it was used for, and another request with a conflict", async () => {
    await using upgraded = await open();
    const { service } = upgraded;
    const keyed = upgraded.tasks.filter(({ request }) => request.idempotency_key !== undefined);
    expect(keyed).toHaveLength(7);
    for (const { taskId, request } of keyed) {
      expect(await service.submit(request)).toBe(taskId);
      const other = await service.rest("POST", "/tasks", { ...request, priority: 0 });
      expect([other.status, other.body.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
    }
  });

  test("takes an upload of before as the input of a new task", async () => {
    await using upgraded = await open();
    const { service, tasks } = upgraded;
    const url = tasks.find(({ name }) => name === "completed")?.request["url"];
    const request = { url, type: "image", workflow: "cpu_image_2x" };
    const task = await service.ended(await service.submit(request), END_LIMIT_MS);
    expect(task).toMatchObject({ status: "completed", input: { width: 32, height: 24 } });
  });
}

function settings(dataDir: string): Readonly<Record<string, string>> {
  return {
    TMLSR_DATA_DIR: dataDir,
    TMLSR_PUBLIC_URL: PUBLIC_URL_OF_BEFORE,
    TMLSR_CPU_THREADS: "1",
    // What the servers had made is a picture of one colour.
    TMLSR_CHECK_RESULTS: "false",
    // A file's age is that of its copy, which tells nothing: none is to expire.
    TMLSR_UPLOAD_TTL_HOURS: "1000000",
    // For a cleanup that is still under way.
    TMLSR_GRACE_SECONDS: "60",
  };
}

async function expectEnd(task: TaskOfBefore, { service, name: store }: Upgraded): Promise<void> {
  const { name, taskId } = task;
  switch (task.end) {
    case "shown":
      return;
    case "waits":
      expect([name, await service.task(taskId)]).toMatchObject([name, { status: "pending" }]);
      return;
    case "cleaned":
      expect([name, await service.task(taskId)]).toMatchObject([name, { status: "canceled" }]);
      return;
    case "runs":
      await expectResult(task, service);
      return;
    case "collected":
      expect(await expectResult(task, service)).toEqual(await readWrittenBefore(store, taskId));
  }
}

/** No attempt is spent by an upgrade: only the task that had spent one before has. */
async function expectResult(task: TaskOfBefore, service: TestService): Promise<Buffer> {
  const { name, taskId, size } = task;
  const shown = await service.ended(taskId, END_LIMIT_MS);
  const retries = name === "retrying" ? 1 : 0;
  expect([name, shown]).toMatchObject([name, { status: "completed", error: null, retries }]);
  const content = await readOutput(service, shown.output);
  const { width, height } = await sharp(content).metadata();
  expect([name, width, height]).toEqual([name, ...(size ?? [])]);
  return content;
}

async function readOutput(service: TestService, { url }: RestTask): Promise<Buffer> {
  const response = await fetch(url.replace(PUBLIC_URL_OF_BEFORE, service.url));
  return Buffer.from(await response.arrayBuffer());
}
