import { join } from "node:path";
import { AV_FRAME_DATA_DISPLAYMATRIX } from "node-av";
import { describe, expect, it } from "vitest";
import { openCutter } from "../../../src/film/cut/film-cutter.js";
import { pieceContainer } from "../../../src/film/cut/piece-file.js";
import {
  type PlannedPiece,
  type PlanOptions,
  planPieces,
} from "../../../src/film/plan/plan-pieces.js";
import { decodedFrames } from "../../../src/film/read/decode-pictures.js";
import { openFilm } from "../../../src/film/read/open-film.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readShown, readTracks } from "../../support/films/read-film-clip.js";
import { turnBySei } from "../../support/films/turn-by-sei.js";
import { tempDir } from "../../support/temp-dir.js";

const OPTIONS: PlanOptions = {
  maxFrames: 13,
  before: 2,
  after: 1,
  multiple: 4,
  plus: 1,
  maxSkip: 20,
};
const NTSC = { num: 24_000, den: 1001 };
const MILLISECONDS = { num: 1000, den: 1 };
const SOUND = [{ codec: "pcm_s16le" }, { codec: "aac", channels: 6 }] as const;

const FILMS: readonly (readonly [name: string, options: FilmOptions])[] = [
  ["closed.mp4", { bFrames: 3 }],
  ["closed.mkv", { bFrames: 3 }],
  ["open.mp4", { isOpenGop: true, bFrames: 3 }],
  ["open.mkv", { isOpenGop: true, bFrames: 3 }],
  ["hevc-closed.mp4", { codec: "hevc" }],
  ["hevc-open.mp4", { codec: "hevc", isOpenGop: true, bFrames: 4 }],
  ["hevc-deep.mkv", { codec: "hevc", bitDepth: 10, isOpenGop: true }],
  ["vp8.webm", { codec: "vp8" }],
  ["vp9.webm", { codec: "vp9", size: { width: 97, height: 65 } }],
  ["vp9.mp4", { codec: "vp9" }],
  ["av1.mp4", { codec: "av1" }],
  ["av1.webm", { codec: "av1" }],
  ["prores.mov", { codec: "prores" }],
  ["mpeg4.mp4", { codec: "mpeg4" }],
  ["ntsc.mp4", { rate: NTSC }],
  ["slow.mp4", { rate: { num: 1, den: 1 }, frameCount: 25 }],
  ["variable.mp4", { rate: MILLISECONDS, times: (index) => index * 40 + (index % 3) * 7 }],
  ["turned.mp4", { rotation: 90, pixelAspect: { num: 16, den: 11 }, isBt709: true }],
  ["late.mp4", { times: (index) => index + 12 }],
  ["left-out.mp4", { times: (index) => index - 15 }],
  ["single.mp4", { frameCount: 1 }],
  ["seventeen.mp4", { frameCount: 17 }],
  ["sound.mov", { sound: SOUND, hasSubtitles: true }],
  ["sound.mkv", { sound: SOUND, hasSubtitles: true, isOpenGop: true }],
];

/** Cuts all pieces of a film and compares what they show with the whole film, pixel by pixel. */
async function cutAll(path: string, options: PlanOptions): Promise<readonly PlannedPiece[]> {
  const signal = AbortSignal.timeout(150_000);
  const whole = await readShown(path);
  const film = await readFilm(path, signal);
  await using cutter = await openCutter(path, film, signal);
  const pieces: PlannedPiece[] = [];
  for await (const piece of planPieces(path, film, options, { index: 0, firstFrame: 0 }, signal)) {
    const out = `${path}.piece.${pieceContainer(film, piece)}`;
    const { skipCount } = await cutter.cut(piece, out, signal);
    const shown = await readShown(out);
    const first = piece.firstFrame - piece.beforeCount;
    const given = piece.beforeCount + piece.frameCount + piece.afterCount;
    expect(shown[0]?.seconds).toBe(0);
    expect(shown.slice(skipCount, skipCount + given).map(({ hash }) => hash)).toEqual(
      whole.slice(first, first + given).map(({ hash }) => hash),
    );
    expect(await readTracks(out)).toHaveLength(1);
    pieces.push(piece);
  }
  expect(pieces.flatMap(({ firstFrame, frameCount }) => numbers(firstFrame, frameCount))).toEqual(
    numbers(0, whole.length),
  );
  return pieces;
}

function numbers(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

describe("cutting", () => {
  it.each(FILMS)("gives exactly the frames of %s", async (name, options) => {
    const path = join(await tempDir(), name);
    await makeFilm(path, options);
    const pieces = await cutAll(path, OPTIONS);
    expect(pieces.every(({ source }) => !source.isEncoded)).toBe(true);
  });

  it.each([
    ["intra-refresh.mp4", { isIntraRefresh: true }],
    ["far.mkv", { gop: 1000, codec: "hevc", bitDepth: 10 }],
    ["far.webm", { gop: 1000, codec: "vp9" }],
    ["variable.mp4", { gop: 1000, rate: MILLISECONDS, times: (at) => at * 40 + (at % 3) * 7 }],
  ] as readonly (readonly [string, FilmOptions])[])(
    "encodes without loss what is too far from a key frame: %s",
    async (name, options) => {
      const path = join(await tempDir(), name);
      await makeFilm(path, options);
      const pieces = await cutAll(path, { ...OPTIONS, maxSkip: 15 });
      expect(pieces.map(({ source }) => source.isEncoded)).toEqual([
        ...[false, false, true, true, true],
      ]);
    },
  );

  it("encodes exactly, in whatever order pieces are asked for", async () => {
    const path = join(await tempDir(), "far.mp4");
    const signal = AbortSignal.timeout(150_000);
    await makeFilm(path, { gop: 1000 });
    const [whole, film] = [await readShown(path), await readFilm(path, signal)];
    const pieces: PlannedPiece[] = [];
    const start = { index: 0, firstFrame: 0 };
    for await (const piece of planPieces(path, film, { ...OPTIONS, maxSkip: -1 }, start, signal))
      pieces.push(piece);
    await using cutter = await openCutter(path, film, signal);
    for (const piece of [...pieces].reverse()) {
      await cutter.cut(piece, `${path}.mkv`, signal);
      const first = piece.firstFrame - piece.beforeCount;
      const shown = await readShown(`${path}.mkv`);
      expect(shown.map(({ hash }) => hash)).toEqual(
        whole.slice(first, first + shown.length).map(({ hash }) => hash),
      );
    }
  });

  it("cuts pieces that show their frames as they are stored, with the film's colours", async () => {
    const path = join(await tempDir(), "turned.mp4");
    const signal = AbortSignal.timeout(150_000);
    await makeFilm(path, { rotation: 180, pixelAspect: { num: 16, den: 11 }, isBt709: true });
    const film = await readFilm(path, signal);
    await using cutter = await openCutter(path, film, signal);
    const out = `${path}.piece.mp4`;
    for await (const piece of planPieces(path, film, OPTIONS, { index: 0, firstFrame: 0 }, signal))
      await cutter.cut(piece, out, signal);
    const piece = await readFilm(out, signal);
    expect(piece).toMatchObject({
      rotationDegrees: 0,
      width: 128,
      height: 96,
      colour: film.colour,
    });
    expect(film).toMatchObject({ rotationDegrees: 180, colour: { primaries: 1, matrix: 1 } });
  });

  it("cuts pieces that are not turned of a film whose pictures say that they are", async () => {
    const directory = await tempDir();
    const [plain, path] = [join(directory, "plain.mp4"), join(directory, "turned.mp4")];
    const signal = AbortSignal.timeout(150_000);
    await makeFilm(plain, { sound: [{ codec: "aac" }] });
    await turnBySei(plain, path);
    const pictures = async (of: string) => await turnsOfPictures(of, signal);
    expect(await pictures(path)).toContain(true);
    const film = await readFilm(path, signal);
    expect(film.rotationDegrees).toBe(90);
    await cutAll(path, OPTIONS);
    expect(new Set(await pictures(`${path}.piece.mp4`))).toEqual(new Set([false]));
    expect((await readFilm(`${path}.piece.mp4`, signal)).rotationDegrees).toBe(0);
  });
});

/** Whether FFmpeg is told by each picture how to turn it. */
async function turnsOfPictures(path: string, signal: AbortSignal): Promise<readonly boolean[]> {
  await using film = await openFilm(path, signal);
  const turns: boolean[] = [];
  for await (const frame of decodedFrames(film, signal))
    turns.push(frame.getSideData(AV_FRAME_DATA_DISPLAYMATRIX) !== null);
  return turns;
}
