import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { addKey, startAccessApp } from "../../support/access-app.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, photograph, submitFiles, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { startTestApp } from "../../support/test-app.js";

const chromium = useChromium();
const KEY = "tmlsr_0123456789";
/** Longer than a signed link holds. */
const LONGER_MS = 2 * 3_600_000;

test("a service that asks for a key gets it from a form, as a header and never in a URL", async () => {
  await using app = await startTestApp();
  const gate = await openGate(app.url);
  const page = await openDashboard(chromium, gate.url);
  const field = page.getByLabel("Key", { exact: true });
  await field.fill("a wrong one");
  await field.press("Enter");
  await page.getByText("The service does not accept this key").waitFor();
  await field.fill(KEY);
  await field.press("Enter");
  await page.getByText("Live").waitFor();
  await page.getByRole("link", { name: "Submit" }).first().click();
  await submitFiles(page, photograph("rocket.png"));
  await page.getByText("Accepted").waitFor();
  await page.reload();
  await page.getByText("Live").waitFor();
  await page.getByRole("button", { name: "Forget the key" }).click();
  await field.waitFor();
  expect(gate.paths.filter((path) => path.includes(KEY))).toEqual([]);
});

test("shows the pictures of a task to whoever has a key, which is in no URL", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startAccessApp({ servers: [server.url] });
  const key = await addKey(app.app.store);
  const page = await openDashboard(chromium, app.url);
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  const field = page.getByLabel("Key", { exact: true });
  await field.fill(key);
  await field.press("Enter");
  await page.getByRole("link", { name: "Submit" }).first().click();
  await submitFiles(page, photograph("rocket.png"));
  await page.getByRole("link", { name: "Watch it" }).click();
  await page.getByText("Completed", { exact: true }).waitFor();
  const pictures = page.locator(".frame img");
  await eventually(async () => {
    const widths = await pictures.evaluateAll((all) =>
      all.map((picture) => (picture as unknown as { naturalWidth: number }).naturalWidth),
    );
    return widths.length === 2 && widths.every((width) => width > 0);
  });
  const download = page.getByRole("link", { name: "Download" });
  const first = (await download.getAttribute("href")) ?? "";
  // The links of a tab that stays open are new before they end, although nothing changes.
  vi.setSystemTime(Date.now() + LONGER_MS);
  onTestFinished(() => void vi.useRealTimers());
  await page.evaluate(`{ const now = Date.now; Date.now = () => now() + ${LONGER_MS}; }`);
  const fresh = await eventually(async () => {
    const link = await download.getAttribute("href");
    return link !== null && link !== first && link;
  });
  expect((await fetch(first)).status).toBe(401);
  expect((await fetch(fresh)).status).toBe(200);
  const query = new RegExp(`expires=${new URL(fresh).searchParams.get("expires")}`);
  expect(await pictures.first().getAttribute("src")).toMatch(query);
  expect(urls.filter((url) => url.includes("/preview/")).length).toBeGreaterThan(0);
  expect(urls.filter((url) => url.includes(key.slice(14)))).toEqual([]);
});

/** A proxy before a service that lets calls through only with the key; the page itself is for all. */
async function openGate(url: string) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const { url: path = "", headers, method } = request;
    paths.push(path);
    const isOpen = path.startsWith("/dashboard") || headers.authorization === `Bearer ${KEY}`;
    if (!isOpen) {
      response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      return;
    }
    const options = { method: method ?? "GET", headers };
    const behind = forward(url + path, options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    behind.on("error", () => response.destroy());
    response.on("close", () => behind.destroy());
    request.pipe(behind);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths };
}
