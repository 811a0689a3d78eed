import { join } from "node:path";
import { openCutter } from "../../src/film/cut/film-cutter.js";
import { pieceContainer } from "../../src/film/cut/piece-file.js";
import { planPieces } from "../../src/film/plan/plan-pieces.js";
import { readFilm } from "../../src/film/read/read-film.js";
import { makeFilm } from "../support/films/make-film.js";
import { repeatFilm } from "../support/films/repeat-film.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";

const RATE = { num: 30, den: 1 };
/** Of the film whose packets are repeated. */
const SHORT_SECONDS = 20;
const LIMIT_MS = 600_000;
/** As a network with memory wants it. */
const OPTIONS = { maxFrames: 101, before: 5, after: 4, multiple: 4, plus: 1 };

interface Cut {
  readonly firstMs: number;
  readonly allMs: number;
  readonly pieceCount: number;
  readonly peakMb: number;
}

/** How fast a film is read, planned and cut, and in how much memory. */
export const cutFilm: Subject = {
  name: "cut-film",
  async measure({ say }) {
    await using directory = await makeDirectory();
    const short = join(directory.path, "short.mp4");
    const size = { width: 640, height: 360 };
    const frameCount = SHORT_SECONDS * RATE.num;
    await makeFilm(short, { rate: RATE, frameCount, size, gop: 60, bFrames: 3 });
    const cut = async (minutes: number): Promise<Cut> => {
      const path = join(directory.path, `${minutes}.mp4`);
      await repeatFilm(path, short, (minutes * 60) / SHORT_SECONDS);
      say(`a film of ${minutes} minutes`);
      return await cutAll(path);
    };
    // The first one warms up.
    await cut(1);
    return figuresOf(await cut(1), await cut(60));
  },
};

function figuresOf(minute: Cut, hour: Cut): readonly Figure[] {
  const note = `${hour.pieceCount} pieces, context and scene cuts looked for`;
  return [
    {
      what: "an hour of 640x360, 30 fps, read, planned and cut",
      ...{ value: hour.allMs / 1000, unit: "s", goal: { atMost: 60 }, note },
    },
    {
      what: "the first piece of an hour of 640x360",
      ...{ value: hour.firstMs / 1000, unit: "s", goal: { atMost: 5 } },
    },
    {
      what: "memory at its peak while an hour is cut, over that for a minute",
      ...{ value: hour.peakMb / minute.peakMb, unit: "", goal: { atMost: 1.1 } },
      note: `${Math.round(hour.peakMb)} and ${Math.round(minute.peakMb)} MB of the whole process`,
    },
  ];
}

async function cutAll(path: string): Promise<Cut> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const start = performance.now();
  const film = await readFilm(path, signal);
  await using cutter = await openCutter(path, film, signal);
  let [firstMs, pieceCount, peakBytes] = [0, 0, 0];
  for await (const piece of planPieces(path, film, OPTIONS, { index: 0, firstFrame: 0 }, signal)) {
    await cutter.cut(piece, `${path}.piece.${pieceContainer(film, piece)}`, signal);
    pieceCount += 1;
    if (pieceCount === 1) firstMs = performance.now() - start;
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }
  return { firstMs, allMs: performance.now() - start, pieceCount, peakMb: peakBytes / 1e6 };
}
