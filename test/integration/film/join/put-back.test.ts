import { join } from "node:path";
import { expect, test } from "vitest";
import { checkFilm } from "../../../../src/film/join/check-film.js";
import { joinFilm } from "../../../../src/film/join/join-film.js";
import { readFilm } from "../../../../src/film/read/read-film.js";
import { addNeroChapters } from "../../../support/films/add-chapters.js";
import { type FilmOptions, makeFilm } from "../../../support/films/make-film.js";
import { statedMatrix } from "../../../support/films/read-colours.js";
import {
  readBeeps,
  readMetadata,
  readShown,
  readTracks,
} from "../../../support/films/read-film-clip.js";
import {
  OTHER_BUILD,
  type ServerHabits,
  saveResults,
} from "../../../support/films/save-results.js";
import { tempDir } from "../../../support/temp-dir.js";

const SIGNAL = new AbortController().signal;
const NUMBERS = { aac: 86_018, movText: 94_213 };
const COUNTS = [20, 28];

async function joinOf(
  options: FilmOptions,
  servers: readonly ServerHabits[] = [{}],
  { extension = ".mp4", container = "mp4" as "mp4" | "mkv", counts = COUNTS } = {},
) {
  const directory = await tempDir();
  const source = join(directory, `source${extension}`);
  await makeFilm(source, options);
  const film = await readFilm(source, SIGNAL);
  const results = saveResults(directory, await readShown(source), counts, servers);
  const path = join(directory, `joined.${container}`);
  const joined = { film, results, restPath: source, outPath: path, container };
  const { notes } = await joinFilm(joined, SIGNAL);
  return { source, path, film, notes, joined: await readFilm(path, SIGNAL) };
}

test.each([90, 180, 270] as const)(
  "joinFilm() keeps a film turned by %d degrees",
  async (rotation) => {
    const { joined } = await joinOf({ rotation });
    expect(joined).toMatchObject({ rotationDegrees: rotation });
  },
);

test.each([90, 270] as const)(
  "joinFilm() leaves frames upright that a server has turned by %d degrees",
  async (rotation) => {
    const { joined } = await joinOf({ rotation }, [{ isUpright: true }]);
    expect(joined).toMatchObject({ rotationDegrees: 0, width: 256, height: 192 });
  },
);

test.each([
  ["a square film", { size: { width: 96, height: 96 }, rotation: 90 }],
  ["a film on its head", { rotation: 180 }],
] as const)("joinFilm() sees whether a server has turned %s", async (_which, options) => {
  const turned = await joinOf(options, [{ isUpright: true }]);
  expect(turned.joined.rotationDegrees).toBe(0);
  const lying = await joinOf(options);
  expect(lying.joined.rotationDegrees).toBe(options.rotation);
});

test("joinFilm() keeps pixels that are not square", async () => {
  const pixelAspect = { num: 16, den: 11 };
  const { joined } = await joinOf({ pixelAspect });
  expect(joined.pixelAspect).toEqual(pixelAspect);
  const turned = await joinOf({ pixelAspect, rotation: 90 }, [{ isUpright: true }]);
  expect(turned.joined.pixelAspect).toEqual({ num: 11, den: 16 });
});

test("joinFilm() tags the colours that newer servers make", async () => {
  const colour = { primaries: 1, transfer: 1, matrix: 6, isFullRange: false };
  const { joined, path } = await joinOf({ isBt709: true });
  expect(joined.colour).toEqual(colour);
  expect(await statedMatrix(path)).toBe(6);
  // In MKV it is the pictures that state them.
  const mkv = await joinOf({ isBt709: true }, [{}], { container: "mkv" });
  expect(mkv.joined.colour).toEqual(colour);
  expect(await statedMatrix(mkv.path)).toBe(2);
});

test.each([".mp4", ".mkv"])(
  "joinFilm() keeps title and languages of a %s file",
  async (extension) => {
    const sound = [
      { codec: "aac", language: "fra" },
      { codec: "aac", language: "jpn", title: "Talk" },
    ] as const;
    const { path } = await joinOf({ title: "A film", sound }, [{}], { extension });
    expect(await readMetadata(path)).toMatchObject({ title: "A film" });
    const tracks = (await readTracks(path)).filter(({ kind }) => kind === 1);
    expect(tracks.map(({ metadata }) => metadata["language"])).toEqual(["fra", "jpn"]);
  },
);

test("joinFilm() encodes sound to AAC that MP4 does not play, and says so", async () => {
  const { path, notes } = await joinOf(
    { sound: [{ codec: "pcm_s16le", startSeconds: 0.25 }] },
    [{}],
    { extension: ".mov" },
  );
  expect(notes).toEqual([expect.stringMatching(/^Track 2 \(pcm_s16le\) was encoded to AAC/)]);
  const sound = (await readTracks(path)).find(({ kind }) => kind === 1)!;
  expect(sound.codecId).toBe(NUMBERS.aac);
  expect(await readBeeps(path, sound.index)).toEqual([expect.closeTo(1, 2), expect.closeTo(2, 2)]);
});

test("joinFilm() keeps the text of subtitles that MP4 cannot hold, and says so", async () => {
  const { path, notes } = await joinOf({ hasSubtitles: true }, [{}], { extension: ".mkv" });
  expect(notes).toEqual([expect.stringMatching(/^Track 2 \(subrip\) lost its styles/)]);
  const texts = (await readTracks(path)).find(({ kind }) => kind === 3)!;
  expect(texts).toMatchObject({ codecId: NUMBERS.movText });
  expect(texts.metadata["language"]).toMatch(/deu|ger/);
  // An empty text fills the pause between two.
  expect(texts.packets.slice(0, 3).map(({ seconds }) => seconds)).toEqual([0, 0.5, 1]);
});

test("joinFilm() keeps in MKV what MP4 cannot hold, packet by packet", async () => {
  const sound = [{ codec: "pcm_s16le" }, { codec: "flac" }, { codec: "aac", channels: 6 }] as const;
  const options = { sound, hasSubtitles: true, hasStyles: true };
  const { source, path, notes, film } = await joinOf(options, [{}], {
    ...{ extension: ".mkv", container: "mkv" },
  });
  expect(notes).toEqual([]);
  await checkFilm(path, film, SIGNAL, [0, COUNTS[0]!]);
  const others = async (file: string) =>
    (await readTracks(file))
      .filter(({ kind }) => kind !== 0)
      .map(({ kind, codecId, packets, metadata: { filename } }) => {
        return { kind, codecId, filename, hashes: packets.map(({ hash }) => hash) };
      });
  expect(await others(path)).toEqual(await others(source));
  expect(await others(path)).toHaveLength(6);
});

test.each([90, 180, 270] as const)("joinFilm() keeps a turn by %d degrees in MKV", async (turn) => {
  const { joined } = await joinOf({ rotation: turn, pixelAspect: { num: 16, den: 11 } }, [{}], {
    container: "mkv",
  });
  expect(joined).toMatchObject({ rotationDegrees: turn, pixelAspect: { num: 16, den: 11 } });
});

test("joinFilm() gives frames that are less than a tick of MKV apart a tick each", async () => {
  const times = (at: number): number => at * 3000 + (at % 2) * -2980;
  const options = { rate: { num: 90_000, den: 1 }, times, lastDuration: 3000 };
  const { path, film } = await joinOf(options, [{}], { container: "mkv" });
  await checkFilm(path, film, SIGNAL);
  expect((await readShown(path)).map(({ number }) => number)).toEqual(
    film.times.map((_, at) => at),
  );
});

test("joinFilm() refuses results that do not have the film's frames", async () => {
  await expect(joinOf({}, [{}], { counts: [20, 27] })).rejects.toMatchObject({
    code: "BAD_RESULT",
  });
});

test("joinFilm() refuses results of which some lie and some stand", async () => {
  const servers = [{}, { isUpright: true }];
  await expect(joinOf({ rotation: 90 }, servers)).rejects.toMatchObject({ code: "BAD_RESULT" });
});

test("checkFilm() refuses a film that was joined at its nominal rate", async () => {
  const times = (at: number): number => at * 4 + (at % 4);
  const { film, path } = await joinOf({ rate: { num: 90, den: 1 }, times }, [
    {},
    { encoder: OTHER_BUILD },
  ]);
  await checkFilm(path, film, SIGNAL);
  const nominal = { ...film, times: film.times.map((_, at) => at * (90 / 16)) };
  await expect(checkFilm(path, nominal, SIGNAL)).rejects.toMatchObject({ code: "BAD_RESULT" });
});

test.each(["mp4", "mkv"] as const)("joinFilm() keeps chapters in %s", async (container) => {
  const chapters = [
    { startSeconds: 0, title: "Beginning" },
    { startSeconds: 0.7, title: "Übergang" },
  ];
  const directory = await tempDir();
  const source = join(directory, "source.mp4");
  await makeFilm(source, { sound: [{ codec: "aac" }] });
  await addNeroChapters(source, chapters);
  const film = await readFilm(source, SIGNAL);
  const results = saveResults(directory, await readShown(source), COUNTS);
  const outPath = join(directory, `joined.${container}`);
  const joined = await joinFilm({ film, results, restPath: source, outPath, container }, SIGNAL);
  expect(joined.notes).toEqual([]);
  await checkFilm(outPath, film, SIGNAL, [0, COUNTS[0]!]);
  expect((await readFilm(outPath, SIGNAL)).chapters).toEqual(chapters);
});
