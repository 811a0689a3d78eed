import { join } from "node:path";
import type { Locator } from "playwright-core";
import { expect, test, vi } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { openDashboard, submitFiles, useChromium } from "../../support/dashboard.js";
import { eventually } from "../../support/eventually.js";
import { makeFilm } from "../../support/films/make-film.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 300_000 });
const chromium = useChromium();
/** A chunk of 24 frames takes two seconds, forever, or no time. */
const PACED = { simulate: { steps: 4, stepMs: 20 } };
const STOPPED = { simulate: { steps: 2_000, stepMs: 50 } };
const FAST = { simulate: { steps: 1, stepMs: 0 } };
const CHUNK_SECONDS = 1;
const CHUNK_COUNT = 6;

test("a film in chunks is watched before its end, over the borders of chunks, with its sound", async () => {
  await using server = await startCpuServer({ switches: PACED });
  const env = { TMLSR_CHUNK_FRAMES: "24" };
  await using app = await startTestApp({ servers: [server.url], env });
  const page = await openDashboard(chromium, app.url, "#/submit");
  const path = join(await tempDir(), "film.mp4");
  const sound = [{ codec: "aac" }] as const;
  await makeFilm(path, { ...{ frameCount: 24 * CHUNK_COUNT, sound }, size: SIZE });
  await submitFiles(page, path);
  await page.getByRole("link", { name: "Watch it" }).click();

  const strip = page.getByRole("list", { name: "Chunks" });
  const completed = strip.getByRole("listitem").filter({ hasText: "Completed" });
  const task = async () => (await app.rest("GET", "/tasks")).body.tasks[0];
  await eventually(async () => expect((await task()).chunks.completed).toBeGreaterThan(0));
  await eventually(async () => expect(await completed.count()).toBeGreaterThan(0));
  await eventually(async () => expect((await task()).chunks.completed).toBeGreaterThan(1));
  await server.set(STOPPED);
  await eventually(async () => expect(await completed.count()).toBeGreaterThan(1));
  await eventually(async () => expect(await strip.getByRole("listitem").count()).toBe(CHUNK_COUNT));

  const film = page.locator(".film-preview video");
  await eventually(async () => expect((await seenOf(film)).bufferedSeconds).toBeGreaterThan(1.9));
  await film.evaluate((element) => (element as unknown as Player).play());
  await eventually(async () => {
    const { currentTime, soundBytes } = await seenOf(film);
    expect(currentTime).toBeGreaterThan(CHUNK_SECONDS + 0.2);
    expect(soundBytes).toBeGreaterThan(0);
  });
  await film.evaluate((element) => (element as unknown as Player).pause());
  for (const seconds of [CHUNK_SECONDS - 0.1, CHUNK_SECONDS + 0.1, 0.2])
    expect(Math.abs((await shownAfterSeek(film, seconds)) - seconds)).toBeLessThan(3 / 24);
  expect((await task()).status).toBe("processing");

  await server.set(FAST);
  await page.getByText("Completed", { exact: true }).waitFor();
  await page.getByText(`${CHUNK_COUNT} of ${CHUNK_COUNT} chunks`).waitFor();
  await page.getByRole("button", { name: "Play" }).waitFor();
});

const SIZE = { width: 128, height: 96 };

interface Seen {
  readonly currentTime: number;
  readonly bufferedSeconds: number;
  readonly soundBytes: number;
}

/** What is used of the browser's `HTMLVideoElement`. */
interface Player {
  currentTime: number;
  readonly buffered: { readonly length: number; end(index: number): number };
  readonly webkitAudioDecodedByteCount: number;
  play(): Promise<void>;
  pause(): void;
  requestVideoFrameCallback(
    seen: (now: number, frame: { readonly mediaTime: number }) => void,
  ): void;
}

async function seenOf(film: Locator): Promise<Seen> {
  return await film.evaluate((element) => {
    const { currentTime, buffered, webkitAudioDecodedByteCount } = element as unknown as Player;
    const bufferedSeconds = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1);
    return { currentTime, bufferedSeconds, soundBytes: webkitAudioDecodedByteCount };
  });
}

/** Jumps. @returns the time of the frame that is shown then. */
async function shownAfterSeek(film: Locator, seconds: number): Promise<number> {
  return await film.evaluate(
    (element, target) =>
      new Promise<number>((resolve) => {
        const player = element as unknown as Player;
        player.requestVideoFrameCallback((_now, { mediaTime }) => resolve(mediaTime));
        player.currentTime = target;
      }),
    seconds,
  );
}
