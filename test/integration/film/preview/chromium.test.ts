import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { launchChromium } from "../../../support/chromium.js";
import { eventually } from "../../../support/eventually.js";
import { readPicture } from "../../../support/films/film-picture.js";
import { previewedFilm } from "../../../support/films/previewed-film.js";

const FPS = 24;
const SIZE = { width: 256, height: 192 };
/** Of chunks that servers of two builds compute in turn. */
const COUNTS = [36, 48, 40, 44];
const SECONDS = 7;
const LIMIT_MS = 180_000;

test(
  "Chromium plays a film while it renders, seeks over the borders of servers, and keeps the sound in step",
  async () => {
    const film = await previewedFilm(COUNTS);
    await film.complete(0);
    await film.complete(1);
    const page = await openPage(film.url);
    await page.evaluate(`playHls("/tasks/${film.film}/preview.m3u8")`);
    await eventually(async () => (await numberOf(page, "bufferedEnd()")) > 3.4);
    for (const at of [0.02, 1.48, 1.52, 3.3, 1]) await expectShown(page, at);
    await page.evaluate("playWithSound(0.5)");
    await eventually(async () => (await numberOf(page, "video.currentTime")) > 3.3);
    // Only what follows without a gap is shown.
    await film.complete(3);
    expect(await numberOf(page, "bufferedEnd()")).toBeLessThan(4.1);
    await film.complete(2);
    await eventually(() => page.evaluate<boolean>("video.ended"));
    expect(await numberOf(page, "video.currentTime")).toBeCloseTo(SECONDS, 1);
    const beeps = await page.evaluate<number[]>("onsets");
    const lateness = beeps.map((at) => at - Math.round(at));
    expect(lateness.length).toBeGreaterThan(2);
    expect(Math.min(...lateness)).toBeGreaterThan(-0.1);
    expect(Math.min(...lateness.map(Math.abs))).toBeLessThan(0.1);
    for (const at of [5.22, 5.1, 3.52, 0.3]) await expectShown(page, at);
  },
  LIMIT_MS,
);

test(
  "Chromium plays a film that was joined of two servers, and seeks to and fro",
  async () => {
    const film = await previewedFilm(COUNTS);
    const page = await openPage(film.url);
    await page.evaluate('video.src = "/joined.mp4"');
    for (const at of [0.02, 1.02, 1.52, 3.6, 6.5, 0.52, 2.02, 5.4, 1.48])
      await expectShown(page, at);
  },
  LIMIT_MS,
);

/** What the page tells of a frame. */
interface Seen {
  readonly mediaTime: number;
  readonly luma: readonly number[];
}

async function openPage(url: string): Promise<Page> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${url}/page`);
  return page;
}

/** Jumps, and expects the frame of about that time, which is really the one that the player takes it for. */
async function expectShown(page: Page, seconds: number): Promise<void> {
  const { width, height } = SIZE;
  const { mediaTime, luma } = await page.evaluate<Seen>(`seek(${seconds}, ${width}, ${height})`);
  const { number } = readPicture({ ...SIZE, samples: Uint8Array.from(luma) });
  expect(number).toBe(Math.round(mediaTime * FPS));
  expect(Math.abs(mediaTime - seconds)).toBeLessThan(3 / FPS);
}

async function numberOf(page: Page, expression: string): Promise<number> {
  return await page.evaluate<number>(expression);
}
