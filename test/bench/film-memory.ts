import type { Figure, Subject } from "./figure.js";
import { FAST, runFilm, SMALL } from "./film-run.js";

/** So few frames a second that the servers have an hour of them done soon. */
const SLOW_MOTION = { size: SMALL.size, fps: 6, gop: 60 };
/** What a process keeps after twelve minutes of film is garbage of V8 for the most part, which is as large after an hour. */
const SHORT_FILMS = 12;

/** Memory of the service after films to their ends: one of an hour, and twelve of a minute. */
export const filmMemory: Subject = {
  name: "film-memory",
  async measure({ say }) {
    const options = { film: SLOW_MOTION, serverCount: 2, switches: FAST, chunkFrames: 120 };
    say(`${SHORT_FILMS} films of a minute, to their ends`);
    const minutes = await runFilm({ ...options, seconds: 60, filmsBefore: SHORT_FILMS - 1 });
    say("a film of an hour, to its end");
    const hour = await runFilm({ ...options, seconds: 3600 });
    const peaks = `${Math.round(hour.peakMb)} and ${Math.round(minutes.peakMb)} MB`;
    const { width, height } = SMALL.size;
    return [
      {
        what: `memory of the service, a film of an hour over ${SHORT_FILMS} of a minute`,
        ...{ value: hour.peakMb / minutes.peakMb, unit: "", goal: { atMost: 1.1 } },
        note: `${peaks}; ${SLOW_MOTION.fps} frames a second, frames of ${width}x${height}`,
      },
    ] satisfies readonly Figure[];
  },
};
