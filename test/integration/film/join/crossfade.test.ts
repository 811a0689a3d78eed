import { join } from "node:path";
import { expect, test } from "vitest";
import { checkFilm } from "../../../../src/film/join/check-film.js";
import { filmClock } from "../../../../src/film/join/film-clock.js";
import { joinFilm } from "../../../../src/film/join/join-film.js";
import { writePreviewSegment } from "../../../../src/film/preview/preview-segment.js";
import { readFilm } from "../../../../src/film/read/read-film.js";
import { type FilmOptions, makeFilm } from "../../../support/films/make-film.js";
import { readShown, readTracks } from "../../../support/films/read-film-clip.js";
import {
  OTHER_BUILD,
  type SavedResult,
  type ServerHabits,
  saveResults,
} from "../../../support/films/save-results.js";
import { readLuma } from "../../../support/seams/read-luma.js";
import { tempDir } from "../../../support/temp-dir.js";

// Chunks whose frames are mixed before a border: what is not mixed is the servers' own, packet by packet.

const SIGNAL = new AbortController().signal;
const LIFT = 40;
/** Servers of two builds, one of which makes everything brighter. */
const TWO: readonly ServerHabits[] = [{}, { lift: LIFT, encoder: OTHER_BUILD }];
/** One shorter than what fades into the next, and a border at a cut, which has nothing to fade. */
const COUNTS = [13, 3, 20, 9, 11];
const LEADS = [0, 4, 6, 0, 1];
/** Packets behind which decoding needs no others are found within so many frames. */
const FEW = 4;

const joined = async (options: FilmOptions, servers = TWO, counts = COUNTS, leads = LEADS) => {
  const directory = await tempDir();
  const source = join(directory, "source.mp4");
  const frameCount = counts.reduce((sum, count) => sum + count);
  await makeFilm(source, { frameCount, sound: [{ codec: "aac" }], ...options });
  const film = await readFilm(source, SIGNAL);
  const results = saveResults(directory, await readShown(source), counts, servers, leads);
  const path = join(directory, "joined.mp4");
  const join_ = { film, results, restPath: source, outPath: path, container: "mp4" } as const;
  const { notes } = await joinFilm(join_, SIGNAL);
  await checkFilm(path, film, SIGNAL);
  return { film, results, source, path, notes };
};

const pictures = async (path: string) =>
  (await readTracks(path)).find(({ kind }) => kind === 0)?.packets ?? [];

test.each<[string, FilmOptions]>([
  [
    "variable times, turned",
    { rotation: 90, rate: { num: 90, den: 1 }, times: (at) => at * 4 + (at % 4) },
  ],
  ["wide pixels of BT.709", { pixelAspect: { num: 16, den: 11 }, isBt709: true }],
])("a film of %s keeps every frame, its time and its looks", async (_name, options) => {
  const { film, path, source, notes } = await joined(options);
  const [shown, wanted] = [await readShown(path), await readShown(source)];
  expect(shown.map(({ number }) => number)).toEqual(wanted.map(({ number }) => number));
  const tick = film.timeBase.num / film.timeBase.den;
  for (const [at, { seconds }] of shown.entries())
    expect(seconds).toBeCloseTo(film.times[at]! * tick, 9);
  const { rotationDegrees, pixelAspect, colour } = await readFilm(path, SIGNAL);
  const { colour: before, ...looks } = film;
  expect({ rotationDegrees, pixelAspect }).toEqual({
    ...{ rotationDegrees: looks.rotationDegrees, pixelAspect: looks.pixelAspect },
  });
  expect(colour.primaries).toBe(before.primaries);
  expect(notes).toEqual([]);
});

test("packets are copied but for those before a border", async () => {
  const { results, path } = await joined({});
  const made = await pictures(path);
  const copied = new Set(made.map(({ hash }) => hash));
  let first = 0;
  for (const { path: result, frameCount, fadingCount } of results) {
    const packets = (await pictures(result)).slice(1, Math.max(1, frameCount - fadingCount - FEW));
    expect(packets.filter(({ hash }) => !copied.has(hash))).toEqual([]);
    first += frameCount;
  }
  expect(made).toHaveLength(first);
});

test("the frames before a border fade from one chunk into the next", async () => {
  const { results, path } = await joined({});
  const made = await readLuma(path);
  const all = await Promise.all(
    results.map(async (result) => ({ result, luma: await readLuma(result.path) })),
  );
  let first = 0;
  for (const [index, { result, luma }] of all.entries()) {
    const next = all[index + 1];
    for (let at = 0; at < result.frameCount; at += 1) {
      const mixed = at - (result.frameCount - result.fadingCount);
      const share = mixed < 0 ? 0 : (mixed + 1) / (result.fadingCount + 1);
      const lead = next?.luma[next.result.frameCount + leadOf(next.result, result, mixed)];
      const wanted = luma[at]!.map((level, pixel) =>
        Math.round(level * (1 - share) + (share > 0 ? (lead?.[pixel] ?? 0) : 0) * share),
      );
      expect(meanDifference(made[first + at]!, wanted), `frame ${first + at}`).toBeLessThan(1);
    }
    first += result.frameCount;
  }
});

test.each([
  ["hevc", "libx265", { "x265-params": "log-level=none:pools=none" }],
  ["vp9", "libvpx-vp9", { "cpu-used": "5", "lag-in-frames": "0", "auto-alt-ref": "0" }],
])("results of %s fade too", async (_codec, encoderName, encoder) => {
  const habits = { encoderName, encoder };
  const servers = [habits, { ...habits, lift: LIFT }];
  const { path, results, notes } = await joined({}, servers, [9, 12], [0, 4]);
  const numbers = (await readShown(path)).map(({ number }) => number);
  expect(numbers).toEqual(Array.from({ length: 21 }, (_, at) => at));
  expect(notes).toEqual([]);
  const [made, own] = [await readLuma(path), await readLuma(results[0]!.path)];
  const lifts = own.map((luma, at) => meanDifference(luma, made[at]!));
  expect(Math.max(...lifts.slice(0, 5))).toBeLessThan(2);
  for (const [at, lift] of lifts.slice(5).entries())
    expect(Math.abs(lift - (LIFT * (at + 1)) / 5)).toBeLessThan(4);
});

test("of a codec that cannot be encoded here chunks are trimmed, with a note", async () => {
  const habits = { encoderName: "mpeg4", encoder: {} };
  const { path, results, notes } = await joined({}, [habits], [9, 12], [0, 4]);
  expect(notes).toEqual([expect.stringContaining("were not mixed")]);
  const packets = async (from: string, count: number) =>
    (await pictures(from)).slice(0, count).map(({ hash }) => hash);
  const wanted = await Promise.all(results.map((one) => packets(one.path, one.frameCount)));
  expect(await packets(path, 21)).toEqual(wanted.flat());
});

test("a preview shows the chunk's own frames alone, for as long as they are", async () => {
  const { results, film } = await joined({});
  const outPath = join(await tempDir(), "segment.mp4");
  const { path, frameCount } = results[2]!;
  const firstFrame = COUNTS[0]! + COUNTS[1]!;
  const clock = filmClock(film, "mp4");
  await writePreviewSegment({ look: film, clock, path, firstFrame, frameCount, outPath }, SIGNAL);
  const packets = await pictures(outPath);
  expect(packets.length).toBeGreaterThan(frameCount - FEW);
  expect(packets.length).toBeLessThanOrEqual(frameCount);
  const last = packets.at(-1)!;
  expect(last.seconds + last.durationSeconds).toBeCloseTo((firstFrame + frameCount) / 24, 6);
});

/** Which of the frames behind a result stands for one that fades into it. */
function leadOf({ leadCount }: SavedResult, { fadingCount }: SavedResult, mixed: number): number {
  return leadCount - fadingCount + mixed;
}

function meanDifference(one: Uint8Array, other: Uint8Array): number {
  return one.reduce((sum, level, at) => sum + Math.abs(level - (other[at] ?? 0)), 0) / one.length;
}
