import { expect, test } from "vitest";
import { runCommand, startCommand } from "../../support/command.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startService } from "../../support/service-process.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY, startTestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const REQUEST = { url: "https://example.com/image.jpg", type: "image", workflow: "cpu_image_2x" };

test("list shows the tasks that a filter lets through, get one of them", async () => {
  await using app = await startTestApp();
  const dir = await tempDir();
  const taskId = await app.submit({ ...REQUEST, labels: { album: "summer" } });
  await app.submit(REQUEST);
  const list = await runCommand(["list", "-l", "album=summer", "-s", "pending"], dir, app.url);
  expect(list.lines).toEqual([expect.objectContaining({ task_id: taskId })]);
  const get = await runCommand(["get", taskId], dir, app.url);
  expect(get.lines).toEqual([(await app.rest("GET", `/tasks/${taskId}`)).body]);
});

test("an unknown task ends it with 4 and the service's own sentence", async () => {
  await using app = await startTestApp();
  const end = await runCommand(["get", "nothing"], await tempDir(), app.url);
  expect(end).toMatchObject({ code: 4, stderr: "tmlsr: Task not found\n" });
});

test("cancel by label cancels those tasks alone", async () => {
  await using app = await startTestApp();
  const dir = await tempDir();
  const taskId = await app.submit({ ...REQUEST, labels: { album: "summer" } });
  const other = await app.submit(REQUEST);
  const end = await runCommand(["cancel", "--label", "album=summer"], dir, app.url);
  expect(end.lines).toEqual([{ canceled: 1 }]);
  expect((await app.rest("GET", `/tasks/${taskId}`)).body.status).toBe("canceled");
  expect((await app.rest("GET", `/tasks/${other}`)).body.status).toBe("pending");
});

test("cancel refuses what would cancel more than was meant", async () => {
  const dir = await tempDir();
  for (const args of [
    ["-l", "album=summer", "-l", "user=me"],
    ["id", "-l", "album=summer"],
  ]) {
    const end = await runCommand(["cancel", ...args], dir, NOBODY);
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining("one label") });
  }
});

test("watch without ids follows what the filter lets through, until it is interrupted", async () => {
  await using app = await startTestApp();
  const before = await app.submit({ ...REQUEST, labels: { album: "summer" } });
  const command = startCommand(["watch", "-l", "album=summer"], await tempDir(), app.url);
  await eventually(() => command.output().stdout.includes(before));
  await app.submit(REQUEST);
  const later = await app.submit({ ...REQUEST, labels: { album: "summer" } });
  await app.rest("DELETE", `/tasks/${later}`);
  await eventually(() => command.output().stdout.includes('"canceled"'));
  command.child.kill("SIGINT");
  const { code, lines } = await command.ended;
  expect(code).toBe(130);
  expect(new Set(lines.map(({ task_id }) => task_id))).toEqual(new Set([before, later]));
  expect(lines.at(-1)).toMatchObject({ task_id: later, status: "canceled" });
});

test("doctor prints what the service finds, and ends with 1", async () => {
  await using app = await startTestApp();
  const { code, lines } = await runCommand(["doctor"], await tempDir(), app.url);
  expect(code).toBe(1);
  expect(lines).toContainEqual({
    ...{ code: "NO_SERVER", subject: "pool", blocks: true },
    ...{ problem: expect.any(String), advice: expect.any(String) },
  });
});

test("serve starts a service by the environment, which ends with the command", async () => {
  const dir = await tempDir();
  const port = await freePort();
  const env = { TMLSR_PORT: String(port), TMLSR_DATA_DIR: dir, COMFYUI_SERVERS: NOBODY };
  const command = startCommand(["serve"], dir, NOBODY, env);
  const url = `http://127.0.0.1:${port}`;
  const { lines } = await eventually(async () => {
    const end = await runCommand(["workflows"], dir, url);
    return end.code === 0 && end;
  });
  expect(lines).toContainEqual(expect.objectContaining({ name: "cpu_image_2x" }));
  command.child.kill("SIGTERM");
  expect((await command.ended).code).toBe(0);
  expect((await runCommand(["get", "any"], dir, url)).code).toBe(3);
});

test("watch follows a task over a restart of the service to its end", async () => {
  const slow = { simulate: { steps: 2_000, stepMs: 50 } };
  await using server = await startCpuServer({ switches: slow });
  await using service = await startService([server.url]);
  const url = await serve(await aPicture());
  const taskId = await service.submit({ ...REQUEST, url });
  const command = startCommand(["watch", taskId], service.dataDir, service.url);
  await eventually(() => command.output().stdout.includes('"name":"process"'));
  await service.kill();
  await service.start();
  await server.set(FAST);
  const { code, lines } = await command.ended;
  expect(code).toBe(0);
  expect(lines.at(-1)).toMatchObject({ task_id: taskId, status: "completed" });
});

test("workflows and pool print what the service has, a JSON object a line", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const dir = await tempDir();
  const workflows = await runCommand(["workflows"], dir, app.url);
  expect(workflows.lines).toContainEqual(
    expect.objectContaining({ name: "cpu_image_2x", runnable: true }),
  );
  const pool = await runCommand(["pool"], dir, app.url);
  expect(pool.lines).toEqual([expect.objectContaining({ address: server.url, status: "idle" })]);
});

test("a wrong command line ends with 2", async () => {
  const dir = await tempDir();
  for (const args of [["nonsense"], ["list", "--limit", "0"], ["upscale"]])
    expect((await runCommand(args, dir, "http://127.0.0.1:1")).code).toBe(2);
});
