import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FrameSpan, nextPiece, type PieceOptions } from "../../../src/film/plan/next-piece.js";

interface Film {
  readonly frameCount: number;
  readonly keyDistance?: number;
  readonly cuts?: readonly number[];
}

async function plan(film: Film, options: PieceOptions, firstFrame = 0): Promise<FrameSpan[]> {
  const { frameCount, keyDistance = 30, cuts = [] } = film;
  const outline = {
    frameCount,
    skipTo: (frame: number) => frame % keyDistance,
    lastCut: async (from: number, to: number) => cuts.findLast((cut) => cut >= from && cut <= to),
  };
  const pieces: FrameSpan[] = [];
  while (firstFrame < frameCount) {
    const beginsScene = firstFrame === 0 || cuts.includes(firstFrame);
    const piece = await nextPiece(outline, firstFrame, beginsScene, options);
    pieces.push(piece);
    firstFrame += piece.frameCount;
  }
  return pieces;
}

const givenOf = ({ beforeCount, frameCount, afterCount }: FrameSpan) =>
  beforeCount + frameCount + afterCount;

const SEEDVR2 = { before: 5, after: 4, multiple: 4, plus: 1 };

describe("the next piece", () => {
  it("is the whole film where it fits", async () => {
    expect(await plan({ frameCount: 17 }, { maxFrames: 40, ...SEEDVR2 })).toEqual([
      { firstFrame: 0, frameCount: 17, beforeCount: 0, afterCount: 0 },
    ]);
    expect(await plan({ frameCount: 1 }, { maxFrames: 41 })).toHaveLength(1);
  });

  it("has context inside a shot, and none at the ends of the film", async () => {
    const pieces = await plan({ frameCount: 100 }, { maxFrames: 41, ...SEEDVR2 });
    expect(pieces[0]).toMatchObject({ beforeCount: 0, afterCount: 4 });
    expect(pieces[1]).toMatchObject({ beforeCount: 5, afterCount: 4 });
    expect(pieces.at(-1)?.afterCount).toBe(0);
    expect(pieces.at(-1)?.beforeCount).toBeGreaterThanOrEqual(5);
  });

  it("has no context over a cut", async () => {
    const film = { frameCount: 100, cuts: [33] };
    const pieces = await plan(film, { maxFrames: 41, ...SEEDVR2 });
    expect(pieces[0]).toEqual({ firstFrame: 0, frameCount: 33, beforeCount: 0, afterCount: 0 });
    expect(pieces[1]).toMatchObject({ firstFrame: 33, beforeCount: 0, afterCount: 4 });
  });

  it("ends where the next piece begins near a key frame", async () => {
    const film = { frameCount: 1000, keyDistance: 50 };
    const pieces = await plan(film, { maxFrames: 120 });
    expect(pieces.map(({ firstFrame }) => firstFrame % 50)).toEqual(pieces.map(() => 0));
  });

  it("leaves no tiny rest", async () => {
    const pieces = await plan({ frameCount: 102 }, { maxFrames: 100 });
    expect(pieces.map(({ frameCount }) => frameCount)).toEqual([60, 42]);
    const equal = await plan({ frameCount: 102, keyDistance: 1 }, { maxFrames: 100 });
    expect(equal.map(({ frameCount }) => frameCount)).toEqual([51, 51]);
  });

  it("covers every frame once, fits, suits, and goes on the same from any border", async () => {
    const films = fc.record({
      frameCount: fc.integer({ min: 1, max: 2000 }),
      keyDistance: fc.integer({ min: 1, max: 300 }),
      cuts: fc
        .uniqueArray(fc.integer({ min: 1, max: 2000 }), { maxLength: 20 })
        .map((cuts) => cuts.sort((a, b) => a - b)),
    });
    const options = fc.record({
      maxFrames: fc.integer({ min: 30, max: 200 }),
      before: fc.integer({ min: 0, max: 8 }),
      after: fc.integer({ min: 0, max: 8 }),
      multiple: fc.constantFrom(1, 4, 8),
      plus: fc.constantFrom(0, 1, 5),
    });
    const property = fc.asyncProperty(films, options, async (film, wanted) => {
      const pieces = await plan(film, wanted);
      let next = 0;
      for (const piece of pieces) {
        expect(piece.firstFrame).toBe(next);
        expect(piece.frameCount).toBeGreaterThan(0);
        expect(givenOf(piece)).toBeLessThanOrEqual(wanted.maxFrames);
        const isSuited = (givenOf(piece) - wanted.plus) % wanted.multiple === 0;
        expect(isSuited || givenOf(piece) === film.frameCount).toBe(true);
        expect(piece.firstFrame).toBeGreaterThanOrEqual(piece.beforeCount);
        next += piece.frameCount;
        expect(next + piece.afterCount).toBeLessThanOrEqual(film.frameCount);
      }
      expect(next).toBe(film.frameCount);
      const border = pieces[Math.floor(pieces.length / 2)]?.firstFrame ?? 0;
      expect(await plan(film, wanted, border)).toEqual(
        pieces.filter(({ firstFrame }) => firstFrame >= border),
      );
    });
    await fc.assert(property, { numRuns: 300 });
  });
});
