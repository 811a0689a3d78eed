import type { Figure, Subject } from "./figure.js";
import { type FilmRun, runFilm, SMALL } from "./film-run.js";

const LARGE = { size: { width: 640, height: 360 }, fps: 30, gop: 60 };
/** A chunk of 24 frames takes three seconds. */
const BUSY = { simulate: { steps: 1, stepMs: 120 } };
const STOPPED = { simulate: { steps: 1, stepMs: 3_600_000 } };

/** Films through the whole service: over several servers, soon begun and quickly cut. */
export const films: Subject = {
  name: "films",
  async measure({ say }) {
    const told = <F extends readonly Figure[]>(figures: F): F => {
      for (const { what, value } of figures) say(`  ${what}: ${value.toFixed(2)}`);
      return figures;
    };
    const speedUps = told(await speedUp(say));
    const cutting = told(await cutting640(say));
    return [...speedUps, ...cutting];
  },
};

async function speedUp(say: (text: string) => void): Promise<readonly Figure[]> {
  const runs = new Map<number, FilmRun>();
  const chunkCount = 24;
  for (const serverCount of [1, 2, 4]) {
    say(`24 chunks on ${serverCount} servers`);
    const options = { seconds: chunkCount, film: SMALL, switches: BUSY, chunkFrames: SMALL.fps };
    const run = await runFilm({ ...options, serverCount, isWarm: true, isWatched: true });
    runs.set(serverCount, run);
  }
  const times = (pick: (run: FilmRun) => number, count: number): number => {
    const one = runs.get(count);
    return one ? pick(one) : Number.NaN;
  };
  const figure = (what: string, pick: (run: FilmRun) => number, serverCount: number): Figure => ({
    what: `speed-up with ${serverCount} servers, ${what}`,
    value: times(pick, 1) / times(pick, serverCount),
    ...{ unit: "", goal: { atLeast: 0.9 * serverCount } },
    note: `${(times(pick, serverCount) / 1000).toFixed(1)} s, one server ${(times(pick, 1) / 1000).toFixed(1)} s`,
  });
  const chunkMs = times(({ processMs }) => processMs, 1) / chunkCount;
  const playableMs = times((run) => run.playableMs, 1);
  return [
    ...[2, 4].flatMap((count) => [
      figure("from submission to end", ({ wholeMs }) => wholeMs, count),
      figure("from the first prompt to the last chunk", ({ processMs }) => processMs, count),
    ]),
    {
      what: "from submission until the first segment can be played, in times of a chunk",
      ...{ value: playableMs / chunkMs, unit: "", goal: { atMost: 1.5 } },
      note: `${(playableMs / 1000).toFixed(1)} s, a chunk ${(chunkMs / 1000).toFixed(1)} s`,
    },
  ];
}

async function cutting640(say: (text: string) => void): Promise<readonly Figure[]> {
  say("an hour of 640x360, cut");
  const options = { film: LARGE, serverCount: 1, switches: STOPPED, chunkFrames: 240 };
  const hour = await runFilm({ ...options, seconds: 3600, until: "cut" });
  return [
    {
      what: "an hour of 640x360, 30 fps, fetched, planned, cut and stored",
      ...{ value: hour.wholeMs / 1000, unit: "s", goal: { atMost: 60 } },
    },
    {
      what: "the same, from its submission to the first prompt",
      ...{ value: hour.firstMs / 1000, unit: "s", goal: { atMost: 5 } },
    },
  ];
}
