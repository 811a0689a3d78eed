import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  drawPicture,
  readPicture,
  type Turn,
  turnPicture,
} from "../../support/films/film-picture.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { flashesOf, readBeeps, readShown, readTracks } from "../../support/films/read-film-clip.js";
import { repeatFilm } from "../../support/films/repeat-film.js";
import { tempDir } from "../../support/temp-dir.js";

describe("the test's films", () => {
  it("show their numbers at every turn", () => {
    for (let number = 0; number < 1000; number += 1)
      for (const turn of [0, 90, 180, 270] as const) {
        const isFlash = number % 3 === 0;
        const upright = drawPicture({ width: 64, height: 49 }, number, {
          isFlash,
          scene: number % 7,
        });
        const picture = turnPicture(upright, ((360 - turn) % 360) as Turn);
        expect(readPicture(picture)).toEqual({ number, isFlash, turn });
      }
  });

  const films: readonly (readonly [name: string, options: FilmOptions])[] = [
    ["h264.mp4", {}],
    ["open.mp4", { isOpenGop: true }],
    ["intra-refresh.mp4", { isIntraRefresh: true }],
    ["hevc.mkv", { codec: "hevc", isOpenGop: true }],
    ["vp8.webm", { codec: "vp8" }],
    ["vp9.webm", { codec: "vp9", size: { width: 97, height: 65 } }],
    ["av1.mp4", { codec: "av1" }],
    ["prores.mov", { codec: "prores" }],
    ["mpeg4.mp4", { codec: "mpeg4" }],
    ["deep.mkv", { codec: "hevc", bitDepth: 10 }],
  ];
  it.each(films)("show every frame once: %s", async (name, options) => {
    const path = join(await tempDir(), name);
    await makeFilm(path, options);
    const frames = await readShown(path);
    expect(frames.map(({ number }) => number)).toEqual(Array.from({ length: 48 }, (_, at) => at));
    expect(flashesOf(frames)).toEqual([0, 1]);
  });

  it("beep in step with the flash", async () => {
    const path = join(await tempDir(), "sound.mkv");
    const sound = [{ codec: "pcm_s16le" }, { codec: "aac", channels: 6 }] as const;
    await makeFilm(path, { sound, hasSubtitles: true });
    const tracks = await readTracks(path);
    expect(tracks.map(({ kind, channels }) => [kind, channels])).toEqual([
      ...[
        [0, 0],
        [1, 2],
        [1, 6],
        [3, 0],
      ],
    ]);
    for (const track of [1, 2]) {
      const beeps = await readBeeps(path, track);
      expect(
        beeps.slice(0, 2).map((seconds) => Math.abs(seconds - Math.round(seconds)) < 0.002),
      ).toEqual([true, true]);
      expect(beeps.slice(0, 2).map(Math.round)).toEqual([0, 1]);
    }
  });

  it("can be repeated into long ones", async () => {
    const dir = await tempDir();
    await makeFilm(join(dir, "short.mp4"), { frameCount: 24 });
    expect(await repeatFilm(join(dir, "long.mp4"), join(dir, "short.mp4"), 5)).toBe(120);
    const frames = await readShown(join(dir, "long.mp4"));
    expect(frames.map(({ number }) => number)).toEqual(
      Array.from({ length: 120 }, (_, at) => at % 24),
    );
    expect(frames.map(({ seconds }) => seconds)).toEqual(frames.map((_, at) => at / 24));
  });
});
