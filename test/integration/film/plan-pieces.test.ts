import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type PlannedPiece,
  type PlanOptions,
  planPieces,
} from "../../../src/film/plan/plan-pieces.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { tempDir } from "../../support/temp-dir.js";

const OPTIONS: PlanOptions = { maxFrames: 41, before: 5, after: 4, multiple: 4, plus: 1 };

async function planOf(film: FilmOptions, options = OPTIONS, name = "film.mp4") {
  const path = join(await tempDir(), name);
  await makeFilm(path, film);
  const signal = AbortSignal.timeout(100_000);
  const facts = await readFilm(path, signal);
  return async (firstFrame = 0, index = 0): Promise<PlannedPiece[]> => {
    const pieces: PlannedPiece[] = [];
    const start = { index, firstFrame };
    for await (const piece of planPieces(path, facts, options, start, signal)) pieces.push(piece);
    return pieces;
  };
}

describe("planning", () => {
  it.each([
    ["h264.mp4", { codec: "h264" }],
    ["open.mkv", { codec: "h264", isOpenGop: true }],
    ["deep.mkv", { codec: "hevc", bitDepth: 10 }],
  ] as readonly (readonly [string, FilmOptions])[])(
    "puts a border where another scene begins: %s",
    async (name, film) => {
      const plan = await planOf({ ...film, frameCount: 90, gop: 100, scenes: [30] }, OPTIONS, name);
      const [first, second] = await plan();
      expect(first).toMatchObject({ firstFrame: 0, frameCount: 30, afterCount: 3 });
      expect(second).toMatchObject({ firstFrame: 30, beforeCount: 0, afterCount: 4 });
    },
  );

  it("sees no scene in a key frame alone", async () => {
    const plan = await planOf({ frameCount: 90, gop: 100, keys: [23, 30, 61] });
    const pieces = await plan();
    expect(pieces.slice(1).map(({ beforeCount }) => beforeCount >= 5)).toEqual(
      pieces.slice(1).map(() => true),
    );
  });

  it("gives back frames from before a piece, but not those of another scene", async () => {
    const options = { ...OPTIONS, lead: 3 };
    const plan = await planOf({ frameCount: 120, gop: 100, scenes: [30] }, options);
    const pieces = await plan();
    const leads = pieces.map(({ firstFrame, leadCount = 0 }) => [firstFrame, leadCount]);
    expect(leads.slice(0, 2)).toEqual([
      [0, 0],
      [30, 0],
    ]);
    expect(leads.length).toBeGreaterThan(3);
    expect(leads.slice(2).map(([, lead]) => lead)).toEqual(leads.slice(2).map(() => 3));
  });

  it("goes on behind stored pieces as if nothing had happened", async () => {
    const plan = await planOf({ frameCount: 200, gop: 50, scenes: [30, 77, 101] });
    const pieces = await plan();
    expect(pieces.map(({ index }) => index)).toEqual(pieces.map((_, at) => at));
    for (const { firstFrame, index } of pieces)
      expect(await plan(firstFrame, index)).toEqual(pieces.slice(index));
    expect(await plan(200, pieces.length)).toEqual([]);
  });

  it("says when a piece is shown", async () => {
    const rate = { num: 1000, den: 1 };
    const times = (index: number) => 500 + index * 40 + (index % 2) * 10;
    const plan = await planOf({ frameCount: 60, rate, times, lastDuration: 40 });
    const pieces = await plan();
    for (const { firstFrame, frameCount, startSeconds, durationSeconds } of pieces) {
      expect(startSeconds).toBeCloseTo(times(firstFrame) / 1000, 9);
      const isLast = firstFrame + frameCount === 60;
      if (!isLast)
        expect(startSeconds + durationSeconds).toBeCloseTo(
          times(firstFrame + frameCount) / 1000,
          9,
        );
    }
    expect(pieces.at(-1)?.durationSeconds).toBeGreaterThan(0);
  });

  it("ends when it is aborted", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path, { frameCount: 60 });
    const facts = await readFilm(path, AbortSignal.timeout(60_000));
    const stop = new AbortController();
    const plan = planPieces(
      path,
      facts,
      { maxFrames: 10 },
      { index: 0, firstFrame: 0 },
      stop.signal,
    );
    expect((await plan.next()).done).toBe(false);
    stop.abort(new Error("enough"));
    await expect(plan.next()).rejects.toThrow("enough");
  });
});
