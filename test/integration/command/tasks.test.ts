import { expect, test } from "vitest";
import { runCommand, startCommand } from "../../support/command.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startService } from "../../support/service-process.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

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
