import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FilmFacts } from "../../../../src/film/film-facts.js";
import { checkFilm } from "../../../../src/film/join/check-film.js";
import { joinFilm } from "../../../../src/film/join/join-film.js";
import { readFilm } from "../../../../src/film/read/read-film.js";
import { type FilmOptions, makeFilm } from "../../../support/films/make-film.js";
import {
  flashesOf,
  readBeeps,
  readShown,
  readTracks,
} from "../../../support/films/read-film-clip.js";
import {
  OTHER_BUILD,
  type ServerHabits,
  saveResults,
} from "../../../support/films/save-results.js";
import { tempDir } from "../../../support/temp-dir.js";

const NTSC = { num: 24_000, den: 1001 };
const AAC = { codec: "aac", language: "fra" } as const;
const SIGNAL = new AbortController().signal;
const TWO_BUILDS: readonly ServerHabits[] = [{}, { encoder: OTHER_BUILD }];
const VIDEO = 0;

interface Case {
  readonly film: FilmOptions;
  readonly extension?: string;
  readonly container?: "mp4" | "mkv";
  readonly counts?: readonly number[];
  readonly servers?: readonly ServerHabits[];
}

describe.each<[string, Case]>([
  ["closed H.264", { film: { sound: [AAC] } }],
  ["open H.264 of another rate", { film: { isOpenGop: true, rate: NTSC, sound: [AAC] } }],
  ["intra refresh", { film: { isIntraRefresh: true, sound: [AAC] } }],
  ["HEVC", { film: { codec: "hevc", rate: { num: 30_000, den: 1001 }, sound: [AAC] } }],
  ["VP9 in WebM", { film: { codec: "vp9", sound: [{ codec: "libopus" }] }, extension: ".webm" }],
  ["AV1", { film: { codec: "av1", rate: { num: 50, den: 1 }, sound: [AAC] } }],
  [
    "one frame a second",
    { film: { rate: { num: 1, den: 1 }, frameCount: 12, sound: [AAC] }, counts: [5, 7] },
  ],
  [
    "variable times",
    { film: { times: (at) => at * 4 + (at % 4), rate: { num: 90, den: 1 }, sound: [AAC] } },
  ],
  ["a late start", { film: { times: (at) => at + 7, sound: [AAC] } }],
  ["late sound", { film: { sound: [{ ...AAC, startSeconds: 0.478 }] } }],
  [
    "two tracks of sound and subtitles",
    {
      film: {
        hasSubtitles: true,
        sound: [
          { codec: "aac", channels: 6 },
          { ...AAC, title: "Director" },
        ],
      },
    },
  ],
  [
    "PCM in MKV",
    {
      film: { sound: [{ codec: "pcm_s16le" }], hasSubtitles: true },
      extension: ".mkv",
      container: "mkv",
    },
  ],
  ["one frame", { film: { frameCount: 1 }, counts: [1] }],
  ["17 frames", { film: { frameCount: 17, sound: [AAC] }, counts: [9, 8] }],
  ["odd sizes", { film: { size: { width: 130, height: 98 }, sound: [AAC] } }],
])("a film of %s", (_name, { film: options, extension = ".mp4", container = "mp4", ...rest }) => {
  const many = rest.counts ?? [13, 20, 15];
  test.each([
    ["one result", [many.reduce((sum, count) => sum + count)]],
    ["many results of two builds", many],
  ])("keeps every frame at its time, and its sound, through %s", async (_which, counts) => {
    const directory = await tempDir();
    const source = join(directory, `source${extension}`);
    await makeFilm(source, options);
    const film = await readFilm(source, SIGNAL);
    const frames = await readShown(source);
    const results = saveResults(directory, frames, counts, TWO_BUILDS);
    const outPath = join(directory, `joined.${container}`);
    await joinFilm({ film, results, restPath: source, outPath, container }, SIGNAL);
    await checkFilm(outPath, film, SIGNAL, bordersOf(counts));
    const joined = await readShown(outPath);
    expect(joined.map(({ number }) => number)).toEqual(frames.map(({ number }) => number));
    expectTimes(joined, film);
    await expectSameTracks(source, outPath);
    await expectInStep(outPath, joined);
  });
});

function bordersOf(counts: readonly number[]): readonly number[] {
  return counts.map((_, index) => counts.slice(0, index).reduce((sum, count) => sum + count, 0));
}

/** Where the source's ticks only round its rate, the joined film has times between them. */
function expectTimes(joined: readonly { seconds: number }[], film: FilmFacts): void {
  const tick = film.timeBase.num / film.timeBase.den;
  expect(joined.map(({ seconds }) => Math.round(seconds / tick))).toEqual(film.times);
  if (film.timeBase.den === 1000) return;
  for (const [index, { seconds }] of joined.entries())
    expect(seconds, `frame ${index}`).toBeCloseTo(film.times[index]! * tick, 9);
}

async function expectSameTracks(source: string, outPath: string): Promise<void> {
  const [before, after] = [await readTracks(source), await readTracks(outPath)];
  const others = (tracks: typeof before) => tracks.filter(({ kind }) => kind !== VIDEO);
  expect(others(after).length).toBe(others(before).length);
  for (const [index, track] of others(after).entries()) {
    const original = others(before)[index]!;
    const filled = (packets: typeof track.packets) =>
      packets.filter(({ durationSeconds }) => durationSeconds > 0);
    const language = (stored: typeof track) => stored.metadata["language"] ?? "und";
    expect(language(track)).toBe(language(original));
    if (track.kind !== 1) continue;
    expect(track.packets.map(({ hash }) => hash)).toEqual(original.packets.map(({ hash }) => hash));
    for (const [at, packet] of filled(track.packets).entries())
      expect(Math.abs(packet.seconds - filled(original.packets)[at]!.seconds)).toBeLessThan(0.001);
  }
}

async function expectInStep(
  outPath: string,
  joined: Awaited<ReturnType<typeof readShown>>,
): Promise<void> {
  const sound = (await readTracks(outPath)).find(({ kind }) => kind === 1);
  if (sound === undefined) return;
  const beeps = await readBeeps(outPath, sound.index);
  const flashes = flashesOf(joined);
  for (const flash of flashes.slice(1, -1))
    expect(Math.min(...beeps.map((beep) => Math.abs(beep - flash)))).toBeLessThan(0.045);
}
