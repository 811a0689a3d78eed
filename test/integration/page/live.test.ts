import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, openTab, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startService } from "../../support/service-process.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

const chromium = useChromium();
const SLOW = { simulate: { steps: 2_000, stepMs: 50 } };
const FAST = { simulate: { steps: 2, stepMs: 5 } };
const IMAGE = { type: "image", workflow: "cpu_image_2x" };

test("a running task is canceled in the list, and repeated on its page", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url);
  await page.getByText("No tasks here yet").waitFor();
  const taskId = await app.submit({ ...IMAGE, url: await serve(await aPicture(), "lake.png") });
  const row = page.getByRole("listitem").filter({ hasText: "lake.png" });
  await row.getByText("Running").waitFor();
  await row.getByRole("button", { name: "Cancel" }).click();
  await row.getByText("Canceled").waitFor();
  expect((await app.rest("GET", `/tasks/${taskId}`)).body.status).toBe("canceled");

  await server.set(FAST);
  await row.getByRole("link", { name: "lake.png" }).click();
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByText("Completed", { exact: true }).waitFor();
  await page.getByText("Repeats").waitFor();
});

test("a killed service is missed, and the page goes on when it is back, in mid-task", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using service = await startService([server.url]);
  const page = await openDashboard(chromium, service.url);
  const url = await serve(await aPicture(), "river.png");
  const taskId = await service.submit({ ...IMAGE, url });
  const row = page.getByRole("listitem").filter({ hasText: "river.png" });
  await row.getByText("Running").waitFor();
  await page.evaluate("globalThis.isSamePage = true");
  await service.kill();
  await page
    .getByRole("alert")
    .filter({ hasText: "The connection to the service is lost" })
    .waitFor();
  await server.set(FAST);
  await service.start();
  await page.getByText("Connected again; nothing was missed.").waitFor();
  await row.getByText("Completed").waitFor();
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await page.evaluate("globalThis.isSamePage")).toBe(true);
});

test("tabs share one stream, and when the one that has it is closed another goes on", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using app = await startTestApp({ servers: [server.url] });
  const first = await openDashboard(chromium, app.url);
  await first.getByText("Live").waitFor();
  await eventually(async () => expect(await openStreams(app)).toBe(1));
  const second = await openTab(await first.context().newPage(), app.url);
  await second.getByText("Live").waitFor();
  await app.submit({ ...IMAGE, url: await serve(await aPicture(), "one.png") });
  for (const page of [first, second])
    await page.getByRole("listitem").filter({ hasText: "one.png" }).getByText("Running").waitFor();
  expect(await openStreams(app)).toBe(1);

  await first.close();
  await server.set(FAST);
  await second
    .getByRole("listitem")
    .filter({ hasText: "one.png" })
    .getByText("Completed")
    .waitFor();
  await eventually(async () => expect(await openStreams(app)).toBe(1));
});

test("the list is filtered by status and label, and a task is found by its id", async () => {
  await using app = await startTestApp();
  const page = await openDashboard(chromium, app.url);
  const mine = { ...IMAGE, workflow: "cpu_image_4x", labels: { album: "mine" } };
  const taskId = await app.submit({ ...mine, url: "https://example.com/mine.png" });
  const other = await app.submit({ ...IMAGE, url: "https://example.com/other.png" });
  await app.rest("DELETE", `/tasks/${other}`);
  const rows = page.getByRole("listitem");
  await rows.filter({ hasText: "other.png" }).getByText("Canceled").waitFor();
  await page.getByRole("button", { name: /^Waiting/ }).click();
  await eventually(async () => expect(await shown()).toEqual(["mine.png"]));
  await page.getByRole("button", { name: "All" }).click();
  const labels = page.getByRole("textbox", { name: "Labels" });
  await labels.fill("album:nobody's");
  await labels.press("Enter");
  await page.getByText("No task matches these filters").waitFor();
  await labels.fill("album:mine");
  await labels.press("Enter");
  await eventually(async () => expect(await shown()).toEqual(["mine.png"]));
  await page.getByRole("searchbox", { name: "Find a task by its id" }).fill(taskId);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "mine.png" }).waitFor();

  async function shown() {
    return await page.locator(".row .name").allTextContents();
  }
});

async function openStreams(app: TestApp): Promise<number> {
  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  const lines = [...metrics.matchAll(/^tmlsr_open_streams\{.*\} (\d+)$/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}
