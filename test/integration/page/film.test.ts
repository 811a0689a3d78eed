import { expect, test } from "vitest";
import { makeClip } from "../../support/clips.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, submitFiles, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { startTestApp } from "../../support/test-app.js";

const chromium = useChromium();

interface FilmState {
  readonly currentTime: number;
  readonly paused: boolean;
  readonly videoWidth: number;
}

test("a film plays before and after in step, by one control and by keys", async () => {
  await using server = await startCpuServer();
  await using app = await startTestApp({ servers: [server.url] });
  const page = await openDashboard(chromium, app.url, "#/submit");
  const clip = await makeClip({ frameCount: 48, scene: "moving" });
  await submitFiles(page, { name: "clip.mp4", mimeType: "video/mp4", buffer: Buffer.from(clip) });
  await page.getByRole("link", { name: "Watch it" }).click();
  await page.getByText("Completed", { exact: true }).waitFor();
  const films = async () =>
    await page.locator("video").evaluateAll((all) =>
      all.map((film) => {
        const { currentTime, paused, videoWidth } = film as unknown as FilmState;
        return { currentTime, paused, videoWidth };
      }),
    );
  await eventually(async () =>
    expect((await films()).map(({ videoWidth }) => videoWidth)).toEqual([64, 128]),
  );

  await page.getByRole("button", { name: "Play" }).click();
  await eventually(async () => {
    for (const { currentTime } of await films()) expect(currentTime).toBeGreaterThan(0.3);
  });
  await page.getByRole("button", { name: "Pause" }).click();
  await eventually(async () => expectTogether(await films()));

  const frame = page.locator(".frame");
  await page.getByRole("slider", { name: "Position in the film" }).fill("1");
  await eventually(async () => expect((await films())[1]?.currentTime).toBeCloseTo(1, 1));
  await frame.focus();
  await frame.press("ArrowRight");
  await eventually(async () => {
    const [, after] = await films();
    expect(after?.currentTime).toBeCloseTo(1 + 1 / 24, 2);
    expectTogether(await films());
  });
});

function expectTogether(films: readonly FilmState[]): void {
  const [before, after] = films;
  expect(films.every(({ paused }) => paused)).toBe(true);
  expect(before?.currentTime).toBeCloseTo(after?.currentTime ?? -1, 1);
}
