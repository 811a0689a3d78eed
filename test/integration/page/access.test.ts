import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, photograph, useChromium } from "../../support/dashboard.js";
import { startTestApp } from "../../support/test-app.js";

const chromium = useChromium();
const MOST_SCRIPT_BYTES = 100_000;

test.each(["light", "dark"] as const)("every view is accessible, %s", async (colorScheme) => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/tasks", { colorScheme });
  await page.getByText("No tasks here yet").waitFor();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Submit" }).first().click();
  await page.setInputFiles("input[type=file]", photograph("rocket.png"));
  const workflow = page.getByRole("combobox", { name: "Workflow for pictures" });
  await workflow.selectOption("seedvr2_image_2048");
  await page.getByText("More options").click();
  await expectAccessible(page);
  await page.getByRole("spinbutton", { name: "max_resolution" }).waitFor();
  await workflow.selectOption("");
  await page.getByRole("button", { name: /^Submit/ }).click();
  await page.getByRole("link", { name: "Watch it" }).click();
  await page.locator(".frame").waitFor();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Pool" }).click();
  await page.getByText("What it lacks").click();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Tasks" }).click();
  await page.getByText("rocket.png").waitFor();
  await expectAccessible(page);
});

test("what the service refuses is said at its field", async () => {
  await using server = await startCpuServer();
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/submit");
  await page.getByRole("textbox", { name: "URL of a picture or film" }).fill("ftp://x/y.png");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("A URL begins with http:// or https://").waitFor();
  await page
    .getByRole("textbox", { name: "URL of a picture or film" })
    .fill("http://10.0.0.1/a.png");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("More options").click();
  await page.locator(".options input").fill("Bad:label");
  await page.getByRole("button", { name: "Submit" }).click();
  await page.locator(".options .field-problem").waitFor();
  await page.locator(".options input").fill("good:label");
  await page.getByRole("button", { name: "Submit" }).click();
  await page.locator(".entry .field-problem").getByText("address").waitFor();
  expect((await app.rest("GET", "/tasks")).body.tasks).toEqual([]);
});

test("the browser's language is spoken, and another one can be chosen for good", async () => {
  await using app = await startTestApp();
  const page = await openDashboard(chromium, app.url, "", { locale: "zh-CN" });
  await page.getByText("这里还没有任务").waitFor();
  expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
  await page.getByRole("button", { name: "English" }).click();
  await page.getByText("No tasks here yet").waitFor();
  await page.reload();
  await page.getByText("No tasks here yet").waitFor();
  expect(await page.locator("html").getAttribute("lang")).toBe("en");
});

test.each([
  ["no-preference", "0.3s"],
  ["reduce", "0s"],
] as const)("who prefers motion %s sees bars that take %s to grow", async (reducedMotion, time) => {
  await using app = await startTestApp();
  const page = await openDashboard(chromium, app.url, "", { reducedMotion });
  await page.getByText("No tasks here yet").waitFor();
  const took = await page.evaluate(`{
    const bar = Object.assign(document.createElement("div"), { className: "progress-bar" });
    document.body.append(bar);
    getComputedStyle(bar).transitionDuration;
  }`);
  expect(took).toBe(time);
});

test("all is reached by the keyboard alone", async () => {
  await using app = await startTestApp();
  for (const name of ["a", "b", "c"])
    await app.submit({ url: `https://example.com/${name}.png`, type: "image" });
  const page = await openDashboard(chromium, app.url);
  await page.getByText("a.png").waitFor();
  await page.keyboard.press("Tab");
  await page.getByRole("button", { name: "Skip to the content" }).press("Enter");
  await page.getByRole("link", { name: "c.png" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "a.png" }).waitFor();
});

test("the script that the page begins with stays small", async () => {
  await using app = await startTestApp();
  const html = await (await fetch(`${app.url}/dashboard`)).text();
  const paths = [...html.matchAll(/\/dashboard\/assets\/[\w-]+\.js/g)].map(String);
  expect(paths.length).toBeGreaterThan(0);
  let bytes = 0;
  for (const path of paths) {
    const script = await (await fetch(app.url + path)).arrayBuffer();
    bytes += gzipSync(Buffer.from(script)).length;
  }
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES);
});

interface Finding {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Looks with axe for whatever keeps people from using the page. */
async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate("axe.run()")) as { violations: Finding[] };
  const words = violations.map(
    ({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
  );
  expect(words).toEqual([]);
}
