import { describe, expect, test } from "vitest";
import {
  LearnedTimes,
  type TimedRun,
  type Warmth,
} from "../../../../src/pool/learned/learned-times.js";

const GPU = "NVIDIA GeForce RTX 4090";

function aRun(framePixels: number | undefined, warmth: Warmth = "warm", kind = "k"): TimedRun {
  return { prompt: { kind, framePixels }, serverClass: GPU, warmth };
}

function predicted(learned: LearnedTimes, framePixels: number | undefined, kind = "k") {
  return learned.predictMs({ kind, framePixels }, GPU);
}

describe("LearnedTimes.predictMs()", () => {
  test("is not known before the kind was timed on such a server, nor for a size not known", () => {
    const learned = new LearnedTimes();
    expect(predicted(learned, 1_000)).toBeUndefined();
    learned.noteRun(aRun(1_000), 400);
    expect(predicted(learned, 1_000)).toBe(400);
    expect(predicted(learned, 1_000, "other")).toBeUndefined();
    expect(learned.predictMs({ kind: "k", framePixels: 1_000 }, "cpu")).toBeUndefined();
    expect(predicted(learned, undefined)).toBeUndefined();
    learned.noteRun(aRun(undefined, "warm", "unknown"), 400);
    expect(predicted(learned, 1_000, "unknown")).toBeUndefined();
  });

  test("lies between the sizes that were timed, and grows with the size beyond them", () => {
    const learned = new LearnedTimes();
    learned.noteRun(aRun(1_000), 400);
    learned.noteRun(aRun(10_000), 2_200);
    expect(predicted(learned, 5_500)).toBe(1_300);
    expect(predicted(learned, 100)).toBe(400);
    expect(predicted(learned, 100_000)).toBe(22_000);
  });

  test("follows the latest runs, those of a warm server first", () => {
    const learned = new LearnedTimes();
    learned.noteRun(aRun(1_000, "fresh"), 9_000);
    expect(predicted(learned, 1_000)).toBe(9_000);
    learned.noteRun(aRun(1_000), 1_000);
    for (let count = 0; count < 20; count += 1) learned.noteRun(aRun(1_000), 2_000);
    expect(predicted(learned, 1_000)).toBeGreaterThan(1_990);
    expect(predicted(learned, 1_000)).toBeLessThan(2_000);
  });
});

describe("LearnedTimes.longestSilenceMs()", () => {
  test("is the longest of the node", () => {
    const learned = new LearnedTimes();
    for (const ms of [200, 700, 300]) learned.noteSilence(aRun(1_000), "3", ms);
    learned.noteSilence(aRun(1_000), "4", 5_000);
    expect(learned.longestSilenceMs(aRun(1_000), "3")).toBe(700);
    expect(learned.longestSilenceMs(aRun(1_000), "5")).toBeUndefined();
  });

  test("is not known of inputs larger than any that was timed, which 800 frames after 10 short clips are", () => {
    const learned = new LearnedTimes();
    for (let clip = 0; clip < 10; clip += 1) learned.noteSilence(aRun(24 * 64 * 48), "4", 900);
    expect(learned.longestSilenceMs(aRun(800 * 64 * 48), "4")).toBeUndefined();
    expect(learned.longestSilenceMs(aRun(20 * 64 * 48), "4")).toBe(900);
    learned.noteSilence(aRun(800 * 64 * 48), "4", 30_000);
    expect(learned.longestSilenceMs(aRun(700 * 64 * 48), "4")).toBe(30_000);
    expect(learned.longestSilenceMs(aRun(20 * 64 * 48), "4")).toBe(900);
  });

  test("counts what smaller inputs and warmer servers took too", () => {
    const learned = new LearnedTimes();
    learned.noteSilence(aRun(1_000), "3", 700);
    learned.noteSilence(aRun(4_000), "3", 300);
    learned.noteSilence(aRun(4_000, "cold"), "3", 100);
    expect(learned.longestSilenceMs(aRun(4_000), "3")).toBe(700);
    expect(learned.longestSilenceMs(aRun(4_000, "cold"), "3")).toBe(700);
  });

  test("of a cold server is not that of a warm one, but bounds it", () => {
    const learned = new LearnedTimes();
    learned.noteSilence(aRun(1_000), "3", 700);
    expect(learned.longestSilenceMs(aRun(1_000, "cold"), "3")).toBeUndefined();
    learned.noteSilence(aRun(1_000, "fresh"), "3", 60_000);
    expect(learned.longestSilenceMs(aRun(1_000, "cold"), "3")).toBe(60_000);
    expect(learned.longestSilenceMs(aRun(1_000), "3")).toBe(700);
    learned.noteSilence(aRun(1_000, "fresh"), "1", 50_000);
    expect(learned.longestSilenceMs(aRun(1_000), "1")).toBe(50_000);
  });
});

describe("what LearnedTimes has learned", () => {
  test("is told once, and told to another one is known there", () => {
    const [learned, other] = [new LearnedTimes(), new LearnedTimes()];
    learned.noteRun(aRun(1_000), 400);
    learned.noteSilence(aRun(1_000), "3", 70);
    const news = learned.takeNews();
    expect(news).toHaveLength(2);
    expect(learned.takeNews()).toEqual([]);
    other.merge(news);
    expect(predicted(other, 1_000)).toBe(400);
    expect(other.longestSilenceMs(aRun(1_000), "3")).toBe(70);
    expect(other.takeNews()).toEqual([]);
  });

  test("is told again when it is seen again, so that it counts as used", () => {
    const learned = new LearnedTimes();
    learned.noteSilence(aRun(1_000), "3", 70);
    learned.takeNews();
    learned.noteSilence(aRun(1_000), "3", 60);
    expect(learned.takeNews()).toMatchObject([{ longestMs: 70 }]);
  });

  test("merges with what others have: the longest silence, and averages that are not newer here", () => {
    const learned = new LearnedTimes();
    learned.noteRun(aRun(1_000), 400);
    learned.noteSilence(aRun(1_000), "3", 70);
    const before = learned.takeNews().map((time) => ({
      ...time,
      ...(time.longestMs !== undefined && { longestMs: 50 }),
      ...(time.average && { average: { ms: 900, framePixels: 1_000 } }),
    }));
    learned.merge(before);
    expect(learned.longestSilenceMs(aRun(1_000), "3")).toBe(70);
    expect(predicted(learned, 1_000)).toBe(900);
    learned.noteRun(aRun(1_000), 400);
    learned.merge(before);
    expect(predicted(learned, 1_000)).toBe(750);
  });

  test("is bounded: what was not seen for longest goes first", () => {
    const learned = new LearnedTimes();
    for (const kind of ["old", "used"]) learned.noteRun(aRun(1_000, "warm", kind), 400);
    for (let index = 0; index < 1_998; index += 1)
      learned.noteRun(aRun(1_000, "warm", `many ${index}`), 400);
    learned.noteRun(aRun(1_000, "warm", "used"), 400);
    learned.noteRun(aRun(1_000, "warm", "last"), 400);
    expect(predicted(learned, 1_000, "old")).toBeUndefined();
    expect(predicted(learned, 1_000, "used")).toBe(400);
  });
});
