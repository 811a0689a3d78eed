import { expect, test } from "vitest";
import type { FilmFacts } from "../../../../src/film/film-facts.js";
import { readTimes, storeTimes } from "../../../../src/film/preview/preview-times.js";
import { createLocalStorage } from "../../../../src/storage/local/local-storage.js";
import { tempDir } from "../../../support/temp-dir.js";

const SIGNAL = new AbortController().signal;
const FRAME_COUNT = 20_000;
/** Of variable times, from before 0 on. */
const FACTS: FilmFacts = {
  ...{ container: "mp4", codec: "h264", width: 64, height: 56, rotationDegrees: 0 },
  ...{ pixelAspect: { num: 1, den: 1 }, colour: {}, bitDepth: 8 },
  ...{ isInterlaced: false, hasAlpha: false, timeBase: { num: 1, den: 90_000 } },
  times: Array.from({ length: FRAME_COUNT }, (_, at) => at * 3750 + (at % 7) - 3750),
  lastDuration: 4000,
};

test.each([
  ["at the beginning", 0, 100],
  ["over what is stored together", 8100, 200],
  ["to the end", 19_900, 100],
  ["of the whole film", 0, FRAME_COUNT],
])("a segment %s finds the times of the whole film", async (_where, firstFrame, frameCount) => {
  const directory = await tempDir();
  const place = { storage: createLocalStorage({ directory, publicUrl: "" }), directory };
  const whole = await storeTimes("film", FACTS, place, SIGNAL);
  const span = { firstFrame, frameCount };
  const found = await readTimes("film", span, place, SIGNAL);
  const frames = Array.from({ length: frameCount }, (_, at) => firstFrame + at);
  const timesBy = ({ timeOf, durationOf }: typeof whole) =>
    frames.map((frame) => [timeOf(frame), durationOf(frame)]);
  expect(found?.clock).toMatchObject({ timescale: whole.timescale, frameCount: FRAME_COUNT });
  expect(found && timesBy(found.clock)).toEqual(timesBy(whole));
  expect(await readTimes("other", span, place, SIGNAL)).toBeUndefined();
});
