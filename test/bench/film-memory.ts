import type { Figure, Subject } from "./figure.js";
import { FAST, runFilm, SMALL } from "./film-run.js";

/** So few frames a second that the servers have an hour of them done soon. */
const SLOW_MOTION = { size: SMALL.size, fps: 6, gop: 60 };
/** Of as many short films a service has run all that it has, often enough to have been compiled. */
const SHORT_FILMS = 12;

/** Memory of the service at its peak, by films to their ends: one of a minute, twelve of a minute, and one of an hour. */
export const filmMemory: Subject = {
  name: "film-memory",
  async measure({ say }) {
    const options = { film: SLOW_MOTION, serverCount: 2, switches: FAST, chunkFrames: 120 };
    const peakMb = async (what: string, run: { seconds: number; filmsBefore?: number }) => {
      say(`${what}, to the end`);
      return (await runFilm({ ...options, ...run })).peakMb;
    };
    const minute = await peakMb("a film of a minute", { seconds: 60 });
    const filmsBefore = SHORT_FILMS - 1;
    const minutes = await peakMb(`${SHORT_FILMS} of them`, { seconds: 60, filmsBefore });
    const hour = await peakMb("a film of an hour", { seconds: 3600 });
    const { width, height } = SMALL.size;
    const kind = `${SLOW_MOTION.fps} frames a second, frames of ${width}x${height}`;
    const figure = (other: string, otherMb: number): Figure => ({
      what: `memory of the service, a film of an hour over ${other}`,
      ...{ value: hour / otherMb, unit: "", goal: { atMost: 1.1 } },
      note: `${Math.round(hour)} and ${Math.round(otherMb)} MB; ${kind}`,
    });
    return [
      figure("one of a minute in a service that has just started", minute),
      figure(`${SHORT_FILMS} of a minute`, minutes),
    ];
  },
};
