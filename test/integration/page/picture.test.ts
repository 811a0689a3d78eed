import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, photograph, submitFiles, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { cutOut, meanDifference, pixelsOnScreen, readPixels } from "../../support/screen-pixels.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

const chromium = useChromium();
const PHOTOGRAPH = photograph("astronaut.png");

test("a file is submitted, watched to its end, and compared before and after, pixel by pixel", async () => {
  await using server = await startCpuServer();
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/submit");
  await submitFiles(page, PHOTOGRAPH);
  await page.getByRole("link", { name: "Watch it" }).click();
  await page.getByText("Completed", { exact: true }).waitFor();

  const frame = page.locator(".frame");
  const line = page.getByRole("slider", { name: "Where before ends" });
  const before = await seenAt(100);
  const after = await seenAt(0);
  // The result is the input with more detail: alike, not the same.
  expect(meanDifference(before, after)).toBeGreaterThan(0.3);
  expect(meanDifference(before, after)).toBeLessThan(12);
  const middle = await seenAt(50);
  const half = Math.floor(middle.width / 2);
  const left = { left: 0, top: 60, width: half - 40, height: middle.height - 60 };
  const right = { ...left, left: half + 40 };
  expect(meanDifference(await cutOut(middle, left), await cutOut(before, left))).toBeLessThan(0.05);
  expect(meanDifference(await cutOut(middle, right), await cutOut(after, right))).toBeLessThan(
    0.05,
  );

  // One to one, every pixel on the screen is one of the stored result.
  await page.getByRole("button", { name: "1:1" }).click();
  await page.getByText("100 %").waitFor();
  await seenAt(0);
  const { body: task } = await app.rest("GET", `/tasks/${await newestId(app)}`);
  const stored = await readPixels(Buffer.from(await (await fetch(task.output.url)).arrayBuffer()));
  const window = await readPixels(await page.screenshot());
  const result = (await page.locator(".layer-after img").boundingBox())!;
  expect([result.width, result.height]).toEqual([stored.width, stored.height]);
  const part = { left: 340, top: 240, width: 600, height: 400 };
  const ofStored = {
    ...part,
    left: part.left - Math.round(result.x),
    top: part.top - Math.round(result.y),
  };
  const seen = await cutOut(window, part);
  expect(meanDifference(seen, await cutOut(stored, ofStored))).toBeLessThan(0.5);

  async function seenAt(percent: number) {
    await line.press("Home");
    for (let at = 0; at < percent; at += 10) await line.press("Shift+ArrowRight");
    await eventually(async () => (await line.getAttribute("aria-valuenow")) === String(percent));
    await eventually(async () => {
      const seen = frame.locator("img");
      return await seen.evaluateAll((all) =>
        all.every((picture) => (picture as unknown as { complete: boolean }).complete),
      );
    });
    return await pixelsOnScreen(frame);
  }
});

test("the line follows a pointer, the picture is zoomed by keys, and moves where it is zoomed", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/submit");
  await submitFiles(page, PHOTOGRAPH);
  await page.getByRole("link", { name: "Watch it" }).click();
  const frame = page.locator(".frame");
  await frame.waitFor();
  const line = page.getByRole("slider", { name: "Where before ends" });
  const { x, y, width, height } = (await frame.boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 4, y + height / 2, { steps: 4 });
  await page.mouse.up();
  expect(await line.getAttribute("aria-valuenow")).toBe("25");

  const sheet = page.locator(".layer-after .sheet");
  const place = async () => (await sheet.boundingBox())!;
  const fitted = await place();
  await frame.focus();
  await frame.press("+");
  await eventually(async () => expect((await place()).width).toBeCloseTo(fitted.width * 1.4, 0));
  const zoomed = await place();
  await frame.press("ArrowDown");
  await eventually(async () => expect((await place()).y).toBeCloseTo(zoomed.y - 60, 0));
  await frame.press("0");
  await eventually(async () => expect(await place()).toEqual(fitted));
});

async function newestId(app: TestApp): Promise<string> {
  return (await app.rest("GET", "/tasks?page_size=1")).body.tasks[0].task_id;
}
