import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, useChromium } from "../../support/dashboard.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

const chromium = useChromium();
const FAST = { simulate: { steps: 1, stepMs: 0 } };
const IMAGE = { type: "image", workflow: "cpu_image_2x" };
const HOUR_MS = 3_600_000;
const TOMORROW = new Date(Date.now() + 24 * HOUR_MS).toISOString();

test("a tab that slept for an hour says so, and shows all that happened meanwhile", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openList(app);
  await page.evaluate(`Object.assign(globalThis, { isSamePage: true })`);
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await changeMuch(app);
  await page.evaluate(`{ const now = Date.now; Date.now = () => now() + ${HOUR_MS}; }`);
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expectAllSeen(page);
  await app.submit({ ...IMAGE, url: await serve(await aPicture(), "after.png") });
  await expectRow(page, "after.png", "Completed");
  expect(await page.evaluate("globalThis.isSamePage")).toBe(true);
});

test("a dead network is said, and the page goes on by itself when it is back", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openList(app);
  await page.context().setOffline(true);
  await changeMuch(app);
  await page.getByRole("alert").getByText("The connection to the service is lost").waitFor();
  await page.context().setOffline(false);
  await expectAllSeen(page);
});

/** Opens the list with a task that waits, since no server can run it. */
async function openList(app: TestApp): Promise<Page> {
  const page = await openDashboard(chromium, app.url);
  await page.getByText("Live").waitFor();
  const url = "https://example.com/lake.png";
  await app.submit({ ...{ url, type: "image" }, workflow: "cpu_image_4x", not_before: TOMORROW });
  await expectRow(page, "lake.png", "Waiting");
  return page;
}

/** What changes while the page does not listen: a task comes and ends, another one is canceled. */
async function changeMuch(app: TestApp): Promise<void> {
  const [waiting] = (await app.rest("GET", "/tasks")).body.tasks;
  await app.ended(await app.submit({ ...IMAGE, url: await serve(await aPicture(), "new.png") }));
  await app.rest("DELETE", `/tasks/${waiting.task_id}`);
}

async function expectAllSeen(page: Page): Promise<void> {
  await page.getByText("Connected again; nothing was missed.").waitFor();
  await expectRow(page, "new.png", "Completed");
  await expectRow(page, "lake.png", "Canceled");
}

async function expectRow(page: Page, name: string, status: string): Promise<void> {
  const row = page.getByRole("listitem").filter({ hasText: name });
  await row.getByText(status).waitFor();
}
