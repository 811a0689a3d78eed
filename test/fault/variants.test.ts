import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CheckedTasks, submitChecked, times } from "../support/checked-tasks.js";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { type RestTask, startTestApp, type TestApp } from "../support/test-app.js";
import { workflowsDir } from "../support/workflows-dir.js";

// A workflow with two variants on a pool of servers of which only some have what the first one needs.

const FAST = { simulate: { steps: 4, stepMs: 20 } };
/** Longer than any of these tests. */
const SLOW = { simulate: { steps: 3_000, stepMs: 50 } };
const LIMIT = { limitMs: 150_000 };

type Servers = Awaited<ReturnType<typeof startBoth>>;
type HttpFaults = NonNullable<SwitchInput["http"]>;

/** What makes a server one of the older kind: the class of the first variant is not there. */
const WITHOUT: HttpFaults = [
  {
    ...{ path: "/object_info/ImageScaleBy", fault: "answer", status: 200 },
    ...{ contentType: "application/json", body: "{}" },
  },
];
/** Refuses one prompt, unheard. */
const REFUSE: HttpFaults = [
  { path: "/prompt", method: "POST", fault: "answer", status: 500, count: 1 },
];

/** cpu_image_2x with a variant before its own that does the same by way of 4x and another class. */
async function workflows(): Promise<string> {
  const sidecar = "variants: { newer: variants/cpu_image_2x.newer.json, older: cpu_image_2x.json }";
  const directory = await workflowsDir({ cpu_image_2x: sidecar });
  const graph = JSON.parse(await readFile(join(directory, "cpu_image_4x.json"), "utf8"));
  graph["4"].inputs.images = ["5", 0];
  const halve = { image: ["3", 0], upscale_method: "nearest-exact", scale_by: 0.5 };
  graph["5"] = { class_type: "ImageScaleBy", inputs: halve };
  await mkdir(join(directory, "variants"), { recursive: true });
  const file = join(directory, "variants/cpu_image_2x.newer");
  await writeFile(`${file}.json`, JSON.stringify(graph));
  await writeFile(`${file}.yaml`, "parameters: {}\n");
  return directory;
}

/** A server of each kind, and apps over them. */
async function startBoth(switches: SwitchInput) {
  const newer = await startCpuServer({ switches });
  const older = await startCpuServer({ switches: { ...FAST, http: WITHOUT } });
  const env = { TMLSR_WORKFLOWS_DIR: await workflows() };
  return {
    ...{ newer, older },
    app: (servers: readonly TestCpuServer[], dataDir?: string) =>
      startTestApp({
        ...{ servers: servers.map(({ url }) => url), env },
        ...(dataDir !== undefined && { dataDir }),
      }),
    [Symbol.asyncDispose]: async () => {
      await newer[Symbol.asyncDispose]();
      await older[Symbol.asyncDispose]();
    },
  };
}

async function taskOf(app: TestApp, taskId = ""): Promise<RestTask> {
  return (await app.rest("GET", `/tasks/${taskId}`)).body;
}

/** How each of a task's attempts ended. */
function reasonsOf(task: RestTask): string[] {
  return task.attempts.map(({ reason }: { reason: string }) => reason);
}

async function startedCount(server: TestCpuServer): Promise<number> {
  return (await server.log().catch(() => [])).filter(({ event }) => event === "started").length;
}

test("each server runs its own variant, and tasks say which", async () => {
  await using servers = await startBoth(FAST);
  const { newer, older } = servers;
  await using app = await servers.app([newer, older]);
  const tasks = await (await submitChecked(app, times(8))).completed(app);
  for (const { variant, server } of tasks)
    expect(variant).toBe(server === newer.url ? "newer" : "older");
  expect(new Set(tasks.map(({ variant }) => variant)).size).toBe(2);
  const { body } = await app.rest("GET", "/workflows/cpu_image_2x");
  expect(body).toMatchObject({ variants: ["newer", "older"], servers: [newer.url, older.url] });
  const { pool_status } = (await app.rest("GET", "/monitor/stats")).body;
  expect(pool_status[1].workflows).toContain("cpu_image_2x");
});

/** A task that the newer server runs, and which waits for it after its end while the older one is idle. */
async function waitingForNewer(app: TestApp, { newer, older }: Servers): Promise<CheckedTasks> {
  const tasks = await submitChecked(app, times(1));
  await eventually(async () => (await taskOf(app, tasks.ids[0])).variant === "newer", LIMIT);
  await eventually(async () => (await startedCount(newer)) === 1, LIMIT);
  await older.restart({ ...FAST, http: WITHOUT });
  await newer.kill();
  const others = await (await submitChecked(app, times(2))).completed(app);
  for (const { variant } of others) expect(variant).toBe("older");
  // The run has given up asking for its prompt.
  await eventually(
    () => /read the queue/.test(app.app.pool.servers[0]?.health.reason ?? ""),
    LIMIT,
  );
  return tasks;
}

test("a retry stays with the variant that a server took, whoever is free for another", async () => {
  await using servers = await startBoth(SLOW);
  const { newer, older } = servers;
  await older.kill();
  await using app = await servers.app([newer, older]);
  const tasks = await waitingForNewer(app, servers);
  // What it had is lost, and the first prompt of its new life is refused.
  await newer.restart({ ...FAST, http: REFUSE });
  const [task] = await tasks.completed(app, 120_000);
  expect(task).toMatchObject({ variant: "newer", server: newer.url });
  expect(reasonsOf(task)).not.toContain("SERVER_UNREACHABLE");
  expect(await startedCount(older)).toBe(2);
}, 240_000);

test("a retry takes another variant where no server has what the one that was taken needs", async () => {
  await using servers = await startBoth(SLOW);
  const { newer, older } = servers;
  await older.kill();
  await using app = await servers.app([newer, older]);
  const tasks = await waitingForNewer(app, servers);
  await newer.restart({ ...FAST, http: WITHOUT });
  const [task] = await tasks.completed(app, 120_000);
  expect(task).toMatchObject({ variant: "older" });
}, 240_000);

test("a retry takes another variant where no prompt was submitted", async () => {
  const refuse = { ...REFUSE[0], count: 1_000 } as HttpFaults[number];
  await using servers = await startBoth({ ...FAST, http: [refuse] });
  const { newer, older } = servers;
  await older.kill();
  await using app = await servers.app([newer, older]);
  const tasks = await submitChecked(app, times(1));
  await eventually(() => app.app.pool.servers[0]?.state === "quarantined", LIMIT);
  expect((await taskOf(app, tasks.ids[0])).variant).toBeNull();
  await older.restart({ ...FAST, http: WITHOUT });
  const [task] = await tasks.completed(app, 120_000);
  expect(task).toMatchObject({ variant: "older", server: older.url, retries: 0 });
}, 240_000);

test("a task whose variant no server of the pool has any more begins anew with another", async () => {
  await using servers = await startBoth(SLOW);
  const { newer, older } = servers;
  const first = await servers.app([newer]);
  const tasks = await submitChecked(first, times(1));
  await eventually(async () => (await taskOf(first, tasks.ids[0])).variant === "newer", LIMIT);
  await first[Symbol.asyncDispose]();
  await using second = await servers.app([older], first.dataDir);
  const [task] = await tasks.completed(second, 120_000);
  expect(task).toMatchObject({ variant: "older", server: older.url });
}, 240_000);
