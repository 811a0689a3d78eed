import { expect, test } from "vitest";
import { colourTags } from "../../../../src/film/join/colour-tags.js";
import { decodeTimes } from "../../../../src/film/join/decode-times.js";
import { filmClock } from "../../../../src/film/join/film-clock.js";
import { shownPicture, shownSize } from "../../../../src/film/join/shown-picture.js";

const BT709 = { primaries: 1, transfer: 1, matrix: 1 };

test.each([
  ["an old server leaves the numbers of the source", BT709, "Lavf59.27.100", 1],
  ["a newer one makes BT.601", BT709, "Lavf62.12.102", 6],
  ["of a source that states none, players guess by its size", {}, "Lavf62.12.102", 1],
])("colourTags(): %s", (_which, colour, encoder, matrix) => {
  expect(colourTags({ colour, height: 720 }, { matrix: 2 }, encoder)).toMatchObject({ matrix });
});

test("colourTags() believes a result that states its own", () => {
  const own = { primaries: 9, transfer: 16, matrix: 9 };
  expect(colourTags({ colour: BT709, height: 720 }, own, "Lavf62.12.102")).toEqual(own);
});

test("decodeTimes() grow over pieces that are reordered more than the first", () => {
  const timeOf = (frame: number): number => frame * 42;
  const ranks = [0, 4, 2, 1, 3];
  const first = decodeTimes([0, 42, 84], timeOf, 0, 0);
  const second = decodeTimes(
    ranks.map((rank) => timeOf(3 + rank)),
    timeOf,
    3,
    0,
  );
  const all = [...first, ...second];
  expect(all.every((time, at) => at === 0 || time > all[at - 1]!)).toBe(true);
  expect(second.every((time, at) => time <= timeOf(3 + ranks[at]!))).toBe(true);
});

test("filmClock() has a constant rate exactly where the source's ticks only round it", () => {
  const times = [0, 42, 83, 125, 167];
  const film = { times, lastDuration: 42, timeBase: { num: 1, den: 1000 } };
  const clock = filmClock({ ...film, frameRate: { num: 24_000, den: 1001 } } as never, "mp4");
  expect([clock.timescale, clock.timeOf(1), clock.timeOf(4)]).toEqual([24_000, 1001, 4004]);
  const uneven = filmClock(film as never, "mp4");
  expect(times.map((_, at) => uneven.timeOf(at) / uneven.timescale)).toEqual(
    times.map((time) => time / 1000),
  );
});

test("filmClock() begins a film at 0 that begins before", () => {
  const film = { times: [-20, 22, 64], lastDuration: 42, timeBase: { num: 1, den: 1000 } };
  const clock = filmClock(film as never, "mkv");
  expect([clock.timeOf(0), clock.timeOf(2), clock.shiftSeconds]).toEqual([0, 84, 0.02]);
});

test("shownSize() is that of the turned picture, unless the server has turned it", () => {
  const pixelAspect = { num: 1, den: 1 };
  const film = { width: 64, height: 48, rotationDegrees: 90, pixelAspect } as const;
  expect(shownSize(film, { width: 128, height: 96 })).toEqual({ width: 96, height: 128 });
  expect(shownSize(film, { width: 96, height: 128 })).toEqual({ width: 96, height: 128 });
});

test("shownPicture() tells from the size what a server has done", () => {
  const film = {
    ...{ width: 720, height: 576, rotationDegrees: 90 as const },
    pixelAspect: { num: 16, den: 11 },
  };
  const shown = (width: number, height: number) => shownPicture(film, { width, height });
  expect(shown(1440, 1152)).toMatchObject({ rotationDegrees: 90, pixelAspect: { num: 16 } });
  expect(shown(1152, 1440)).toMatchObject({ rotationDegrees: 0, pixelAspect: { num: 11 } });
  expect(shown(2096, 1152)).toMatchObject({ rotationDegrees: 90, pixelAspect: { num: 1 } });
  expect(shown(1152, 2096)).toMatchObject({ rotationDegrees: 0, pixelAspect: { num: 1 } });
});
