import type { FilmFacts, FilmLook } from "../film-facts.js";
import { type FilmClock, filmClock } from "../join/film-clock.js";
import { previewNames } from "./preview-objects.js";
import { type PreviewPlace, putBytes, readJson } from "./preview-storage.js";

/** Frames whose times are one object: a chunk reads one or two of these, however long the film is. */
const FRAMES_TOGETHER = 8192;

/** What segments need to know of the whole film. */
interface ShownFilm extends Pick<FilmClock, "timescale" | "frameCount"> {
  readonly look: FilmLook;
}

/** A film as one of its segments shows it. */
export interface FilmStretch {
  readonly look: FilmLook;
  /** Of the frames of the segment, and of no others. */
  readonly clock: FilmClock;
}

/** Stores how a film is shown, and when each of its frames is. */
export async function storeTimes(
  film: string,
  facts: FilmFacts,
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<FilmClock> {
  const clock = filmClock(facts, "mp4");
  const { timescale, frameCount } = clock;
  for (let first = 0; first < frameCount; first += FRAMES_TOGETHER) {
    const count = Math.min(FRAMES_TOGETHER, frameCount - first);
    const times = Array.from({ length: count }, (_, at) => clock.timeOf(first + at));
    times.push(clock.timeOf(first + count - 1) + clock.durationOf(first + count - 1));
    const name = previewNames.times(first / FRAMES_TOGETHER);
    await putBytes(film, name, JSON.stringify(times), place, signal);
  }
  const { width, height, rotationDegrees, pixelAspect, colour, frameRate, language } = facts;
  const look = { width, height, rotationDegrees, pixelAspect, colour, frameRate, language };
  const shown = JSON.stringify({ timescale, frameCount, look });
  await putBytes(film, previewNames.film, shown, place, signal);
  return clock;
}

/** Reads how a stretch of a film is shown; undefined: it is not stored (yet). */
export async function readTimes(
  film: string,
  { firstFrame, frameCount }: { readonly firstFrame: number; readonly frameCount: number },
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<FilmStretch | undefined> {
  const shown = (await readJson(film, previewNames.film, place, signal)) as ShownFilm | undefined;
  if (shown === undefined) return undefined;
  const first = Math.floor(firstFrame / FRAMES_TOGETHER);
  const last = Math.floor((firstFrame + frameCount - 1) / FRAMES_TOGETHER);
  const times: number[] = [];
  for (let at = first; at <= last; at += 1) {
    const more = (await readJson(film, previewNames.times(at), place, signal)) as readonly number[];
    // The end of the last one is the first time of these.
    times.splice(-1, 1, ...more);
  }
  const timeOf = (frame: number): number => times[frame - first * FRAMES_TOGETHER] ?? 0;
  const durationOf = (frame: number): number => timeOf(frame + 1) - timeOf(frame);
  const { look, ...counts } = shown;
  return { look, clock: { ...counts, timeOf, durationOf, shiftSeconds: 0 } };
}
