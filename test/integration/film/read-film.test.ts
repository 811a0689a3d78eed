import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFilm } from "../../../src/film/read/read-film.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readShown } from "../../support/films/read-film-clip.js";
import { tempDir } from "../../support/temp-dir.js";

const rate = (num: number, den = 1) => ({ num, den });
const signal = () => AbortSignal.timeout(60_000);
const VARIABLE = { rate: rate(1000), times: (at: number) => at * 40 + (at % 3) * 7 };

const RATES: readonly (readonly [string, FilmOptions, { num: number; den: number } | undefined])[] =
  [
    ["film.mp4", { rate: rate(24_000, 1001) }, rate(24_000, 1001)],
    ["film.mkv", { rate: rate(24_000, 1001) }, rate(24_000, 1001)],
    ["three.mkv", { rate: rate(24), frameCount: 3 }, rate(24)],
    ["film.mov", { rate: rate(30_000, 1001) }, rate(30_000, 1001)],
    ["film.webm", { rate: rate(50), codec: "vp9" }, rate(50)],
    ["slow.mp4", { rate: rate(1), frameCount: 5 }, rate(1)],
    ["one.mp4", { frameCount: 1 }, rate(24)],
    ["late.mp4", { times: (at) => at + 12 }, rate(24)],
    ["left-out.mp4", { times: (at) => at - 5 }, rate(24)],
    ["variable.mp4", VARIABLE, undefined],
    ["variable.mkv", VARIABLE, undefined],
    ["open.mp4", { isOpenGop: true, bFrames: 3 }, rate(24)],
    ["vp8.webm", { codec: "vp8" }, rate(24)],
  ];

describe("reading a film", () => {
  it.each(RATES)(
    "finds the frames that are shown, and when: %s",
    async (name, options, expected) => {
      const path = join(await tempDir(), name);
      await makeFilm(path, options);
      const { times, frameRate } = await readFilm(path, signal());
      expect(times).toEqual((await readShown(path)).map(({ ticks }) => ticks));
      expect(frameRate).toEqual(expected);
    },
  );

  it("finds how long the last frame is shown", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path, { rate: rate(1000), times: (at) => at * 40, lastDuration: 40 });
    const { lastDuration, timeBase } = await readFilm(path, signal());
    expect((lastDuration * timeBase.num) / timeBase.den).toBeCloseTo(0.04, 9);
  });

  it.each([90, 180, 270] as const)(
    "finds what players do with the picture: %s",
    async (rotation) => {
      const dir = await tempDir();
      for (const name of ["film.mp4", "film.mov", "film.mkv"]) {
        const pixelAspect = { num: 16, den: 11 };
        await makeFilm(join(dir, name), { rotation, pixelAspect, isBt709: true, title: "A title" });
        const facts = await readFilm(join(dir, name), signal());
        const [width, height] = rotation === 180 ? [128, 96] : [96, 128];
        expect(facts).toMatchObject({ rotationDegrees: rotation, pixelAspect, width, height });
        expect(facts.colour).toEqual({ primaries: 1, transfer: 1, matrix: 1, isFullRange: false });
        expect(facts.tags).toEqual({ title: "A title" });
        expect(facts.container).toBe({ mp4: "mp4", mov: "mov", mkv: "matroska" }[name.slice(5)]);
      }
    },
  );

  it("finds depth, codec and container", async () => {
    const dir = await tempDir();
    await makeFilm(join(dir, "deep.mkv"), { codec: "hevc", bitDepth: 10 });
    const deep = { bitDepth: 10, codec: "hevc", hasAlpha: false, isInterlaced: false };
    expect(await readFilm(join(dir, "deep.mkv"), signal())).toMatchObject(deep);
    await makeFilm(join(dir, "film.webm"), { codec: "av1" });
    const web = { bitDepth: 8, codec: "av1", container: "webm" };
    expect(await readFilm(join(dir, "film.webm"), signal())).toMatchObject(web);
    await makeFilm(join(dir, "film.mov"), { codec: "prores" });
    const pro = { bitDepth: 10, codec: "prores", container: "mov" };
    expect(await readFilm(join(dir, "film.mov"), signal())).toMatchObject(pro);
  });

  it("finds that a film is interlaced", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path, { encoder: { flags: "+ildct+ilme" } });
    expect(await readFilm(path, signal())).toMatchObject({ isInterlaced: true });
  });

  it("tells the time of a broken middle", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path, { frameCount: 240, encoder: { crf: "1" } });
    const content = await readFile(path);
    content.fill(0xee, content.length / 2, content.length / 2 + 3000);
    await writeFile(path, content);
    await expect(readFilm(path, signal())).rejects.toMatchObject({
      code: "INPUT_DAMAGED",
      message: expect.stringMatching(/cannot be read at 0:00:0[3-7]\.\d$/),
    });
  });
});
