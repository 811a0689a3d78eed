import { expect, test } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { ossEnv, startOss } from "../support/oss-server-fixture.js";
import { aPicture, serve } from "../support/pictures.js";
import { startService, type TestService } from "../support/service-process.js";
import { tempDir } from "../support/temp-dir.js";

const TASK_COUNT = 6;
/** Its result, and the small picture of its input. */
const OBJECT_COUNT = 2 * TASK_COUNT;
const EXPIRE_AT_ONCE = { TMLSR_RETENTION_DAYS: "0.0000001", TMLSR_KEEP_OUTPUTS: "false" };
const LIMIT = { limitMs: 150_000, intervalMs: 100 };

test("kill -9 between the objects of expired tasks and the tasks: the next process leaves neither", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
  const oss = await startOss();
  const env = { ...ossEnv(oss), TMLSR_DATA_DIR: await tempDir() };
  await using working = await startService([server.url], env);
  const url = await serve(await aPicture());
  for (let count = 0; count < TASK_COUNT; count += 1) {
    const taskId = await working.submit({ url, workflow: "cpu_image_2x" });
    expect(await working.ended(taskId)).toMatchObject({ status: "completed" });
  }
  await working.kill("SIGTERM");
  expect(oss.objects.size).toBe(OBJECT_COUNT);

  oss.inject({
    operation: "DeleteObject",
    effect: { kind: "stall", afterBytes: 0 },
    skip: 3,
    times: 1000,
  });
  await using sweeping = await startService([server.url], { ...env, ...EXPIRE_AT_ONCE });
  await eventually(async () => oss.objects.size === OBJECT_COUNT - 3, LIMIT);
  expect(await taskCount(sweeping)).toBe(TASK_COUNT);
  await sweeping.kill();

  oss.clearFaults();
  await sweeping.start();
  await eventually(async () => (await taskCount(sweeping)) === 0, LIMIT);
  expect(oss.objects.size).toBe(0);
}, 300_000);

async function taskCount(service: TestService): Promise<number> {
  return (await service.rest("GET", "/tasks")).body.tasks.length;
}
