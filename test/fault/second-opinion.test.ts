import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 10 } };
const WORKFLOW = "cpu_image_2x";

/** Servers that differ in their switches. */
async function startServers(...switches: readonly SwitchInput[]) {
  const servers = await Promise.all(
    switches.map((own) => startCpuServer({ switches: { ...FAST, ...own } })),
  );
  return {
    servers,
    urls: servers.map(({ url }) => url),
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** The loader of the network's weights fails. */
function failing(exceptionType: string, message: string): SwitchInput {
  const classType = "UpscaleModelLoader";
  return { nodes: [{ classType, fault: "fail", exceptionType, message }] };
}

async function startedCount(server: TestCpuServer | undefined): Promise<number> {
  return ((await server?.log()) ?? []).filter(({ event }) => event === "started").length;
}

/** Why the first server gets no tasks of the workflow. */
async function reasonsOf(app: TestApp): Promise<readonly string[]> {
  const { body } = await app.rest("GET", "/monitor/stats");
  return body.pool_status[0].workflow_quarantines.map(
    ({ workflow, reason }: { workflow: string; reason: string }) => `${workflow}: ${reason}`,
  );
}

test.each([
  ["known by its text", "SafetensorError", "Error while deserializing header: HeaderTooLarge"],
  ["that nobody knows", "OddError", "The flux is not aligned"],
])(
  "a server with a broken model file and an error %s costs no task",
  async (_, type, text) => {
    await using pool = await startServers(failing(type, text), {}, {});
    await using app = await startTestApp({ servers: pool.urls });
    const tasks = await submitChecked(app, times(40, WORKFLOW));
    await tasks.completed(app, 60_000);
    const { failed, completed } = await app.app.store.counts();
    expect({ failed, completed }).toEqual({ failed: 0, completed: 40 });
    expect(app.app.pool.servers[0]?.state).toBe("ready");
    expect(await reasonsOf(app)).toEqual([
      expect.stringMatching(/^cpu_image_2x: .*(deserializing|flux)/),
    ]);
    const { findings } = (await app.rest("GET", "/monitor/doctor")).body;
    expect(findings).toContainEqual({
      ...{ code: "WORKFLOW_QUARANTINED", subject: pool.urls[0], blocks: false },
      problem: expect.stringContaining('no tasks of "cpu_image_2x"'),
      advice: expect.stringContaining("model files"),
    });
  },
  120_000,
);

test("an unknown error that is the task's own ends it after two runs, on two servers", async () => {
  const broken = failing("OddError", "The flux is not aligned");
  await using pool = await startServers(broken, broken, broken);
  await using app = await startTestApp({ servers: pool.urls });
  const { ids } = await submitChecked(app, times(1, WORKFLOW));
  const task = await app.ended(ids[0] ?? "", 60_000);
  expect(task).toMatchObject({ status: "failed", error_code: "PROMPT_FAILED", retries: 0 });
  expect(task.error).toMatch(/The flux is not aligned; before, on server ".*": .*The flux is not/);
  const counts = await Promise.all(pool.servers.map(startedCount));
  expect(counts.toSorted()).toEqual([0, 1, 1]);
  expect(await reasonsOf(app)).toEqual([]);
}, 120_000);

test("without another server an unknown error ends the task at once", async () => {
  await using pool = await startServers(failing("OddError", "The flux is not aligned"));
  await using app = await startTestApp({ servers: pool.urls });
  const { ids } = await submitChecked(app, times(1, WORKFLOW));
  expect(await app.ended(ids[0] ?? "", 60_000)).toMatchObject({ error_code: "PROMPT_FAILED" });
  expect(await startedCount(pool.servers[0])).toBe(1);
}, 120_000);

test("a server that makes black pictures costs no task", async () => {
  await using pool = await startServers({ output: "black" }, {});
  await using app = await startTestApp({ servers: pool.urls });
  const tasks = await submitChecked(app, times(12, WORKFLOW));
  await tasks.completed(app, 60_000);
  expect((await app.app.store.counts()).failed).toBe(0);
  expect(await reasonsOf(app)).toEqual([
    expect.stringContaining("made no usable result: it is of one colour, black,"),
  ]);
}, 120_000);

test("a result that is black on two servers fails its task", async () => {
  await using pool = await startServers({ output: "black" }, { output: "black" });
  await using app = await startTestApp({ servers: pool.urls });
  const { ids } = await submitChecked(app, times(1, WORKFLOW));
  expect(await app.ended(ids[0] ?? "", 60_000)).toMatchObject({ error_code: "BAD_RESULT" });
  expect(await Promise.all(pool.servers.map(startedCount))).toEqual([1, 1]);
}, 120_000);
