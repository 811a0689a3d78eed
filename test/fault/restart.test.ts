import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startService, type TestService } from "../support/service-process.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };

const startedCount = async (server: TestCpuServer) =>
  (await server.log().catch(() => [])).filter(({ event }) => event === "started").length;

async function stageCounts(service: TestService, ids: readonly string[]) {
  const tasks = await Promise.all(ids.map((id) => service.task(id)));
  const count = (stage: number) =>
    tasks.filter(
      ({ stages }) => stages.at(-1) === stages[stage] && stages[stage]?.status === "running",
    ).length;
  const pending = tasks.filter(({ status }) => status === "pending").length;
  return { pending, process: count(1), upload: count(2) };
}

test("SIGTERM with 40 tasks in all stages: it exits 0 within the grace period, the next process runs each once", async () => {
  // Hours for one result: the process that ends did not wait for it.
  const slowView = { path: "/view", fault: "throttle", bytesPerSecond: 0.01 } as const;
  const slow = { simulate: { steps: 10, stepMs: 50 }, http: [slowView] };
  await using first = await startCpuServer({ switches: slow });
  await using second = await startCpuServer({ switches: slow });
  const servers = [first, second];
  await using service = await startService(
    servers.map(({ url }) => url),
    { TMLSR_GRACE_SECONDS: "3" },
  );
  const tasks = await submitChecked(service, times(40));
  await eventually(async () => {
    const { pending, process, upload } = await stageCounts(service, tasks.ids);
    return pending > 0 && process > 0 && upload > 0;
  });
  expect(await service.kill("SIGTERM")).toBe(0);
  for (const server of servers) await server.set({ ...FAST, http: null });
  await service.start();
  for (const task of await tasks.completed(service, 60_000)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce(servers)).toBe(0);
  expect(service.lines.filter(({ msg }) => msg === "run not settled")).toEqual([]);
});

test("what had not begun is handed back at once, and the running prompt is taken up, not run again", async () => {
  await using server = await startCpuServer({
    switches: { simulate: { steps: 2_000, stepMs: 50 } },
  });
  await using service = await startService([server.url], { TMLSR_GRACE_SECONDS: "3600" });
  const tasks = await submitChecked(service, times(5));
  await eventually(async () => (await startedCount(server)) === 1);
  // Nothing was being stored, so that there is nothing to wait for: the grace is longer than any test.
  expect(await service.kill("SIGTERM")).toBe(0);
  await server.set(FAST);
  await service.start();
  const all = await tasks.completed(service, 60_000);
  const begun = all.filter(({ attempts }) => attempts.length > 1);
  expect(begun.every(({ attempts }) => attempts[0].reason === "handed_back")).toBe(true);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("2 000 stored tasks: it serves after a restart, and has them all", async () => {
  await using service = await startService(["http://127.0.0.1:1"]);
  const submit = (index: number) =>
    service.submit({
      type: "image",
      workflow: "cpu_image_2x",
      url: `https://example.com/${index}.png`,
    });
  const ids: string[] = [];
  for (let from = 0; from < 2_000; from += 50)
    ids.push(
      ...(await Promise.all(Array.from({ length: 50 }, (_, index) => submit(from + index)))),
    );
  await service.kill();
  await service.start();
  const { status } = await service.rest("GET", `/tasks/${ids[0]}`);
  expect(status).toBe(200);
  const { body } = await service.rest("GET", "/monitor/stats");
  expect(JSON.stringify(body)).toContain("2000");
});
