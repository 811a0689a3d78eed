import { readFile, rm } from "node:fs/promises";
import type { Chunk } from "../../domain/film.js";
import type { FilmFacts } from "../film-facts.js";
import { longestSeconds } from "./longest-seconds.js";
import { type PreviewFacts, previewNameOf, previewNames } from "./preview-objects.js";
import { type PreviewPlace, putBytes, putFile, scratchFile } from "./preview-storage.js";
import { readTimes, storeTimes } from "./preview-times.js";

/** A film whose preview begins. */
export interface FilmToShow {
  /** Its task id. */
  readonly film: string;
  readonly facts: FilmFacts;
  /** The film itself. */
  readonly path: string;
  /** Frames of a chunk at most. */
  readonly maxFrames: number;
}

/**
 * Begins the preview of a film that is being cut: stores its sound, and what segments and playlists
 * need. Harmless to repeat.
 *
 * @throws TaskError of the storage.
 */
export async function beginPreview(
  { film, facts, path, maxFrames }: FilmToShow,
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<void> {
  // First, since segments need it.
  const { shiftSeconds } = await storeTimes(film, facts, place, signal);
  // Loading the library takes long, so it is loaded with the first film.
  const { SOUND_SECONDS, writePreviewSound } = await import("./preview-sound.js");
  const soundPath = scratchFile(place);
  try {
    const sound = await writePreviewSound(path, soundPath, shiftSeconds, signal);
    if (sound !== undefined) await putFile(film, previewNames.sound, soundPath, place, signal);
    // A segment of sound ends with a whole packet.
    const longest = Math.max(SOUND_SECONDS + 1, longestSeconds(facts, maxFrames));
    const preview: PreviewFacts = { targetSeconds: Math.ceil(longest), ...(sound && { sound }) };
    await putBytes(film, previewNames.facts, JSON.stringify(preview), place, signal);
  } finally {
    await rm(soundPath, { force: true });
  }
}

/** A chunk whose result is there. */
export interface ChunkToShow {
  readonly chunk: Pick<Chunk, "film" | "firstFrame" | "frameCount">;
  /** The result, as a local file. */
  readonly path: string;
  /** The object as which the result is stored. */
  readonly resultKey: string;
}

/**
 * Adds the result of a chunk to the preview of its film. Harmless to repeat. Does nothing where the
 * preview has not begun.
 *
 * @throws TaskError of the storage.
 */
export async function addToPreview(
  { chunk: { film, firstFrame, frameCount }, path, resultKey }: ChunkToShow,
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<void> {
  const span = { firstFrame, frameCount };
  const stretch = await readTimes(film, span, place, signal);
  if (stretch === undefined) return;
  const { writePreviewSegment } = await import("./preview-segment.js");
  const outPath = scratchFile(place);
  try {
    const result = { ...stretch, ...span, path, outPath };
    const { initBytes, picture } = await writePreviewSegment(result, signal);
    const whole = await readFile(outPath);
    const name = previewNameOf(resultKey);
    const store = (to: string, bytes: Uint8Array | string): Promise<void> =>
      putBytes(film, to, bytes, place, signal);
    await store(previewNames.init(name), whole.subarray(0, initBytes));
    await store(previewNames.segment(name), whole.subarray(initBytes));
    if (firstFrame === 0) await store(previewNames.picture, JSON.stringify(picture));
  } finally {
    await rm(outPath, { force: true });
  }
}
