import type { CDPSession, Page } from "playwright-core";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, photograph, submitFiles, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { startTestApp } from "../../support/test-app.js";

const chromium = useChromium();
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

test("fingers move the line, pinch the picture closer, move it, and leave the page to scroll", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/submit", PHONE);
  await submitFiles(page, photograph("astronaut.png"));
  await page.getByRole("link", { name: "Watch it" }).click();
  const frame = page.locator(".frame");
  await frame.waitFor();
  const fingers = await fingersOn(page);
  const { x, y, width, height } = (await frame.boundingBox())!;
  const at = (right: number, down: number) => ({ x: x + width * right, y: y + height * down });
  const line = page.getByRole("slider", { name: "Where before ends" });
  const split = async () => Number(await line.getAttribute("aria-valuenow"));

  await fingers.move([at(0.5, 0.5)], [at(0.25, 0.5)]);
  await eventually(async () => expect(await split()).toBe(25));
  await fingers.move([at(0.8, 0.3)], [at(0.6, 0.3)]);
  await eventually(async () => expect(await split()).toBe(60));

  const sheet = page.locator(".layer-after .sheet");
  const place = async () => (await sheet.boundingBox())!;
  const fitted = await place();
  await fingers.move([at(0.4, 0.4), at(0.6, 0.6)], [at(0.2, 0.2), at(0.8, 0.8)]);
  await eventually(async () => expect((await place()).width / fitted.width).toBeCloseTo(3, 0));
  expect(await split()).toBe(60);
  const near = await place();
  await fingers.move([at(0.5, 0.7)], [at(0.5, 0.7 - 40 / height)]);
  await eventually(async () => expect((await place()).y).toBeCloseTo(near.y - 40, 0));
  expect(await split()).toBe(60);
  await fingers.move([at(0.1, 0.1), at(0.9, 0.9)], [at(0.45, 0.45), at(0.55, 0.55)]);
  await eventually(async () => expect(await place()).toEqual(fitted));

  const content = page.locator("main");
  const scrolled = () => content.evaluate(({ scrollTop }: { scrollTop: number }) => scrollTop);
  await fingers.move([at(0.5, 0.9)], [at(0.5, 0.9 - 200 / height)]);
  await eventually(async () => expect(await scrolled()).toBeGreaterThan(100));
  expect(await split()).toBe(60);
});

interface Place {
  readonly x: number;
  readonly y: number;
}

const STEPS = 8;

/** Fingers that touch the screen as the browser's own input does. */
async function fingersOn(page: Page) {
  const session: CDPSession = await page.context().newCDPSession(page);
  const touch = async (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Place[]) =>
    void (await session.send("Input.dispatchTouchEvent", { type, touchPoints }));
  return {
    /** Puts fingers down at some places, moves them to others, and lifts them. */
    async move(from: readonly Place[], to: readonly Place[]): Promise<void> {
      await touch("touchStart", [...from]);
      for (let step = 1; step <= STEPS; step += 1)
        await touch(
          "touchMove",
          from.map((place, finger) => between(place, to[finger] ?? place, step / STEPS)),
        );
      await touch("touchEnd", []);
    },
  };
}

function between(from: Place, to: Place, ratio: number): Place {
  return { x: from.x + (to.x - from.x) * ratio, y: from.y + (to.y - from.y) * ratio };
}
