import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { submitChecked, times } from "../../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { startTestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 120_000 });
const FAST = { simulate: { steps: 2, stepMs: 5 } };
const SLOW = { simulate: { steps: 3_000, stepMs: 20 } };

async function inputsOn(server: TestCpuServer): Promise<number> {
  return (await readdir(join(server.dir, "input/tmlsr")).catch(() => [])).length;
}

test("the input of a task that waits is on its server, and is sent again where the server lost it", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  const file = { comfyui: { servers: [{ url: server.url, queue_depth: 1 }] } };
  await using app = await startTestApp({ file, env: { COMFYUI_SERVERS: "" } });
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => (await server.log()).some(({ event }) => event === "started"));
  await eventually(async () => (await inputsOn(server)) === 2);
  expect((await server.log()).filter(({ event }) => event === "submitted")).toHaveLength(1);
  await server.kill();
  await rm(join(server.dir, "input"), { recursive: true });
  await server.restart(FAST);
  await tasks.completed(app, 60_000);
});
