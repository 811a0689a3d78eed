import { expect, test, vi } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { expectExact, type KnownFilm, knowFilm } from "../../support/films/expect-exact.js";
import type { FilmOptions } from "../../support/films/make-film.js";
import { readColours, statedMatrix } from "../../support/films/read-colours.js";
import { fetchResult, serveFilm } from "../../support/films/served-film.js";
import { startTestApp } from "../../support/test-app.js";

// A pool in which one server turns the frames of a turned film upright, as newer ComfyUI does, and one does not. Pieces
// do not say how they are turned, so that the results of both lie alike. And each chunk says what colours it has.

vi.setConfig({ testTimeout: 240_000 });

const END_MS = 200_000;
const SIMULATE = { steps: 2, stepMs: 300 };
const UNSPECIFIED = 2;
/** Colours that RGB has for dark and for bright pictures, so that nothing of them is cut off. */
const SCENES = [0];
const FILMS: readonly FilmOptions[] = [
  { rotation: 90, rate: { num: 90, den: 1 }, times: (at) => at * 4 + (at % 4), lastDuration: 3 },
  { rotation: 180, isBt709: true, scenes: SCENES },
];

test("films come back as they were from an old and a new server that share them", async () => {
  await using old = await startCpuServer({
    switches: { simulate: SIMULATE, films: { as: "old" } },
  });
  await using newer = await startCpuServer({
    switches: { simulate: SIMULATE, films: { as: "new" } },
  });
  const env = { TMLSR_CHUNK_FRAMES: "12", TMLSR_CHECK_RESULTS: "true" };
  await using app = await startTestApp({ servers: [old.url, newer.url], env });
  for (const options of FILMS) {
    const film = await serveFilm({ frameCount: 60, ...options });
    const taskId = await app.submit({ url: film.url, workflow: "cpu_video_2x" });
    const task = await app.ended(taskId, END_MS);
    expect(task.chunks?.total).toBeGreaterThanOrEqual(4);
    for (const server of [old, newer])
      expect(await server.log()).toContainEqual(
        expect.objectContaining({ taskId: expect.stringContaining(`${taskId}-`) }),
      );
    const result = await fetchResult(task, app.url);
    const known = await knowFilm(film.path);
    await expectExact(result, known);
    if (!options.isBt709) continue;
    await expectSameColours(result, known);
    // No player may take the one kind for all.
    expect(await statedMatrix(result)).toBe(UNSPECIFIED);
  }
});

/** Each chunk says which colours its server made of them. What flashes is brighter than RGB can be. */
async function expectSameColours(resultPath: string, { path, frames }: KnownFilm): Promise<void> {
  const [result, source] = [await readColours(resultPath), await readColours(path)];
  const plain = result.map((colour, frame) => ({ colour, frame }));
  for (const { colour, frame } of plain.filter((one) => !frames[one.frame]?.isFlash))
    for (const [at, level] of colour.entries())
      expect(Math.abs(level - (source[frame]?.[at] ?? 0)), `frame ${frame}`).toBeLessThan(3);
}
