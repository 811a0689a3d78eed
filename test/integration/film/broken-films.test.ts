import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCutter } from "../../../src/film/cut/film-cutter.js";
import { planPieces } from "../../../src/film/plan/plan-pieces.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { keepRest } from "../../../src/film/rest/keep-rest.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { tempDir } from "../../support/temp-dir.js";

/** Copies of a file with a few bytes changed; every fourth is cut short too. The same in every run. */
function* brokenCopies(content: Buffer, count: number): Iterable<Buffer> {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 1;
    return seed % below;
  };
  for (let round = 0; round < count; round += 1) {
    const copy = Buffer.from(content);
    // The beginning and the end hold the index.
    for (let hit = 0; hit < 3; hit += 1) {
      copy[random(copy.length)] = random(256);
      copy[random(Math.min(2000, copy.length))] = random(256);
      copy[copy.length - 1 - random(Math.min(2000, copy.length))] = random(256);
    }
    yield round % 4 === 0 ? copy.subarray(0, random(copy.length)) : copy;
  }
}

/** Takes a film the whole way: read, planned, cut, encoded, and its rest kept. */
async function takeAllTheWay(path: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const film = await readFilm(path, signal);
  await keepRest(path, film, `${path}.rest`, signal);
  await using cutter = await openCutter(path, film, signal);
  const options = { maxFrames: 12, before: 1, after: 1, maxSkip: 6 };
  for await (const piece of planPieces(path, film, options, { index: 0, firstFrame: 0 }, signal))
    await cutter.cut(piece, `${path}.piece`, signal);
}

const sound = [{ codec: "aac" }] as const;

describe("broken films", () => {
  it.each([
    ["film.mp4", { sound, hasSubtitles: true }],
    ["open.mkv", { sound, isOpenGop: true, hasSubtitles: true }],
    ["film.webm", { codec: "vp9" }],
    ["hevc.mov", { codec: "hevc" }],
    ["film.av1.mp4", { codec: "av1" }],
  ] as readonly (readonly [string, FilmOptions])[])(
    "end with a typed error, or not at all: %s",
    async (name, options) => {
      const path = join(await tempDir(), name);
      await makeFilm(path, { frameCount: 30, scenes: [16], ...options });
      await takeAllTheWay(path);
      const content = await readFile(path);
      for (const copy of brokenCopies(content, 40)) {
        await writeFile(path, copy);
        const outcome = await takeAllTheWay(path).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "TaskError" });
      }
    },
  );
});
