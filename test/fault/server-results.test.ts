import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { heldSlots } from "../support/held-slots.js";
import { startTestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const VIEW = { path: "/view" } as const;

const WAITING = "Waiting for the storage...";

const ended = (server: TestCpuServer) =>
  eventually(async () =>
    (await server.log().catch(() => [])).some(({ event }) => event === "ended"),
  );

// Whatever goes wrong after the GPU has done its work costs no second run.
test.each<[string, SwitchInput]>([
  ["the history entry comes late", { history: { lateMs: 300 } }],
  ["the prompt is in neither queue nor history for a while", { history: { gapMs: 1_500 } }],
  ["the history is lost while the file is there", { history: { forgetAfterMs: 0 } }],
  ["the same, with nothing heard of the end", { history: { forgetAfterMs: 0 }, ws: "silent" }],
  ["the history names no outputs", { output: "unlisted" }],
  [
    "the result is cut off in transfer",
    { http: [{ ...VIEW, fault: "truncate", bytes: 20, count: 3 }] },
  ],
  ["the connection is cut", { http: [{ ...VIEW, fault: "cut", when: "before", count: 3 }] }],
  ["the result comes slowly", { http: [{ ...VIEW, fault: "throttle", bytesPerSecond: 500 }] }],
  [
    "/view answers 500 for a while",
    { http: [{ ...VIEW, fault: "answer", status: 500, count: 3 }] },
  ],
  [
    "the history is lost and /view answers 500 for a while",
    {
      history: { forgetAfterMs: 0 },
      ws: "silent",
      http: [{ ...VIEW, fault: "answer", status: 500, count: 3 }],
    },
  ],
])("run once although %s", async (_, faults) => {
  await using server = await startCpuServer({ switches: { ...FAST, ...faults } });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(1));
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("the storage fails for a while: the result is kept and stored later, even if its server is gone", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const outputs = join(app.dataDir, "outputs");
  await rm(outputs, { recursive: true, force: true });
  await writeFile(outputs, "in the way");
  const tasks = await submitChecked(app, times(2));
  for (const taskId of tasks.ids)
    await eventually(
      async () => (await app.app.store.get(taskId))?.stages.upload?.detail === WAITING,
    );
  await server.restart(FAST);
  await rm(outputs);
  await mkdir(outputs);
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("a storage that fails holds new work up instead of filling the disk", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_UPLOADS: "1", TMLSR_RETRY_DELAY: "0.2" },
  });
  const outputs = join(app.dataDir, "outputs");
  await rm(outputs, { recursive: true, force: true });
  await writeFile(outputs, "in the way");
  const tasks = await submitChecked(app, times(16));
  const keptCount = async () => {
    const all = await Promise.all(tasks.ids.map((taskId) => app.app.store.get(taskId)));
    return all.filter((task) => task?.stages.upload?.detail === WAITING).length;
  };
  await eventually(async () => (await keptCount()) >= 2);
  await eventually(async () => (await heldSlots(app.app.store)).length === 0);
  const runCount = (await server.log()).filter(({ event }) => event === "ended").length;
  expect(runCount).toBeLessThan(10);
  await rm(outputs);
  await mkdir(outputs);
  await tasks.completed(app);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("a result that is gone, or is an empty file, is made anew", async () => {
  await using server = await startCpuServer({ switches: { ...FAST, output: "empty" } });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(1));
  await ended(server);
  await server.set({ output: null });
  await tasks.completed(app);
});
