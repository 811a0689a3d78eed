import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startTestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 10 } };
/** Longer than any of these tests. */
const SLOW = { simulate: { steps: 3_000, stepMs: 50 } };
const [SMALL, LARGE] = ["cpu_image_2x", "cpu_image_4x"];
const [SMALL_MODEL, LARGE_MODEL] = ["anime4k-cnn-x2", "anime4k-cnn-x4"];
const LOADER = "/object_info/UpscaleModelLoader";

/** Three servers: one that can run both workflows, slowly; one for each that can run it alone. The last is down. */
async function startThree() {
  const both = await startCpuServer({ switches: SLOW });
  const small = await startCpuServer();
  const large = await startCpuServer();
  const largeOnly = { ...FAST, ...(await havingOnly(large, LARGE_MODEL)) };
  await small.set({ ...FAST, ...(await havingOnly(small, SMALL_MODEL)) });
  await large.kill();
  return {
    ...{ both, small, large },
    urls: [both, small, large].map(({ url }) => url),
    bringLargeUp: () => large.restart(largeOnly),
    [Symbol.asyncDispose]: async () => {
      for (const server of [both, small, large]) await server[Symbol.asyncDispose]();
    },
  };
}

/** What makes a server say that it has one model only. */
async function havingOnly(server: TestCpuServer, model: string | undefined): Promise<SwitchInput> {
  const info = (await (await fetch(server.url + LOADER)).json()) as {
    UpscaleModelLoader: { input: { required: { model_name: unknown[] } } };
  };
  info.UpscaleModelLoader.input.required.model_name[0] = [model];
  const answer = { path: LOADER, fault: "answer", status: 200 } as const;
  return { http: [{ ...answer, contentType: "application/json", body: JSON.stringify(info) }] };
}

async function started(server: TestCpuServer): Promise<number> {
  return (await server.log()).filter(({ event }) => event === "started").length;
}

test("a server runs what it can, whatever waits for others", async () => {
  await using servers = await startThree();
  await using app = await startTestApp({ servers: servers.urls });
  const large = await submitChecked(app, times(12, LARGE));
  await eventually(async () => (await started(servers.both)) === 1);
  const small = await submitChecked(app, times(6, SMALL));
  await small.completed(app);
  expect(await started(servers.small)).toBe(6);
  expect(await started(servers.both)).toBe(1);
  for (const taskId of large.ids) await app.rest("DELETE", `/tasks/${taskId}`);
}, 60_000);

test("what waits for servers that are down holds nobody's place, and runs where it can once one is up", async () => {
  await using servers = await startThree();
  await using app = await startTestApp({ servers: servers.urls });
  const large = await submitChecked(app, times(12, LARGE));
  await eventually(async () => (await started(servers.both)) === 1);
  await servers.both.kill();
  await eventually(() => app.app.pool.servers[0]?.state === "quarantined");
  const small = await submitChecked(app, times(12, SMALL));
  await small.completed(app);
  expect(await started(servers.small)).toBe(12);
  expect((await app.app.store.counts()).completed).toBe(12);
  await servers.bringLargeUp();
  await large.completed(app, 60_000);
  expect(await started(servers.large)).toBe(12);
  expect(await large.ranOnce([servers.both, servers.large])).toBe(1);
}, 120_000);
