import { join } from "node:path";
import { checkFilm } from "../../src/film/join/check-film.js";
import { joinFilm } from "../../src/film/join/join-film.js";
import { readFilm } from "../../src/film/read/read-film.js";
import { makeFilm } from "../support/films/make-film.js";
import { repeatFilm } from "../support/films/repeat-film.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";

const RATE = { num: 30, den: 1 };
const SIZE = { width: 640, height: 360 };
/** Of a chunk, whose result is joined again and again. */
const CHUNK_SECONDS = 8;
const LIMIT_MS = 180_000;
const SAMPLE_MS = 50;

interface Join {
  readonly seconds: number;
  readonly joinMs: number;
  readonly checkMs: number;
  /** Of the whole process, when the join begins and by how much it grows. */
  readonly startMb: number;
  readonly riseMb: number;
}

/** How fast the results of chunks are joined and looked at, and in how much memory. */
export const joinFilmBench: Subject = {
  name: "join-film",
  async measure({ say }) {
    await using directory = await makeDirectory();
    const chunk = join(directory.path, "chunk.mp4");
    const frameCount = CHUNK_SECONDS * RATE.num;
    await makeFilm(chunk, { rate: RATE, frameCount, size: SIZE, gop: 250, bFrames: 3 });
    const joined = async (minutes: number): Promise<Join> => {
      say(`a film of ${minutes} minutes`);
      return await joinRepeated(chunk, Math.ceil((minutes * 60) / CHUNK_SECONDS));
    };
    // The first one warms up.
    await joined(1);
    return figuresOf(await joined(1), await joined(60));
  },
};

function figuresOf(minute: Join, hour: Join): readonly Figure[] {
  const took = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return [
    {
      what: "an hour of 640x360, 30 fps, joined and looked at as a whole, over its own length",
      ...{ value: (hour.seconds * 1000) / (hour.joinMs + hour.checkMs), unit: "x" },
      ...{ goal: { atLeast: 50 }, note: `${took(hour.joinMs)} and ${took(hour.checkMs)}` },
    },
    {
      what: "memory of the process at its peak while an hour is joined, over that for a minute, from the same start",
      ...{ value: (minute.startMb + hour.riseMb) / (minute.startMb + minute.riseMb), unit: "" },
      goal: { atMost: 1.1 },
      note: `joins begin with ${Math.round(minute.startMb)} MB and take ${Math.round(hour.riseMb)} and ${Math.round(minute.riseMb)} MB more`,
    },
  ];
}

async function joinRepeated(chunk: string, repeats: number): Promise<Join> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  // The film that the chunks are taken to come from has as many frames of the same times.
  const source = `${chunk}.${repeats}.mp4`;
  const count = await repeatFilm(source, chunk, repeats);
  const film = await readFilm(source, signal);
  const frameCount = count / repeats;
  const results = Array.from({ length: repeats }, () => ({ path: chunk, frameCount }));
  const outPath = `${source}.joined.mp4`;
  const startBytes = process.memoryUsage.rss();
  let peakBytes = startBytes;
  const look = (): void => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  };
  const timer = setInterval(look, SAMPLE_MS);
  try {
    const start = performance.now();
    await joinFilm({ film, results, outPath, container: "mp4" }, signal);
    const joinMs = performance.now() - start;
    await checkFilm(outPath, film, signal);
    look();
    const checkMs = performance.now() - start - joinMs;
    const riseMb = (peakBytes - startBytes) / 1e6;
    return { seconds: count / RATE.num, joinMs, checkMs, startMb: startBytes / 1e6, riseMb };
  } finally {
    clearInterval(timer);
  }
}
