import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { serve } from "../pictures.js";
import { tempDir } from "../temp-dir.js";
import type { RestTask } from "../test-app.js";
import { type FilmOptions, makeFilm } from "./make-film.js";
import { readShown, readTracks } from "./read-film-clip.js";
import { repeatFilm } from "./repeat-film.js";

/** A film that an origin gives out. */
export interface ServedFilm {
  readonly path: string;
  readonly url: string;
}

/** Makes a film of 96 frames with sound, and serves it until the test has finished. */
export async function serveFilm(options: FilmOptions = {}, name = "film.mp4"): Promise<ServedFilm> {
  const path = join(await tempDir(), name);
  await makeFilm(path, { frameCount: 96, sound: [{ codec: "aac" }], ...options });
  return { path, url: await serve(await readFile(path), name) };
}

/** Frames of the film whose packets a long one repeats. */
export const ROUND_FRAMES = 48;

/** Serves a long film without sound that is quickly made: a short one over and over. */
export async function serveLongFilm(rounds: number): Promise<ServedFilm> {
  const directory = await tempDir();
  const [short, path] = [join(directory, "short.mp4"), join(directory, "film.mp4")];
  await makeFilm(short, { frameCount: ROUND_FRAMES, size: { width: 64, height: 56 } });
  await repeatFilm(path, short, rounds);
  return { path, url: await serve(await readFile(path), "film.mp4") };
}

/** Fetches a completed task's result into a file. */
export async function fetchResult(task: RestTask, baseUrl: string): Promise<string> {
  expect(task).toMatchObject({ status: "completed", error: null });
  const { pathname } = new URL(task.output.url);
  const answer = await fetch(baseUrl + pathname);
  const path = join(await tempDir(), "result.mp4");
  await writeFile(path, Buffer.from(await answer.arrayBuffer()));
  return path;
}

/** Compares a result with its film: the same frames in the same order at the same times, and the same sound. */
export async function expectSameFilm(resultPath: string, sourcePath: string): Promise<void> {
  const [result, source] = [await readShown(resultPath), await readShown(sourcePath)];
  expect(result.map(({ number }) => number)).toEqual(source.map(({ number }) => number));
  const shift = Math.max(0, -(source[0]?.seconds ?? 0));
  const off = result.map(({ seconds }, at) => seconds - (source[at]?.seconds ?? 0) - shift);
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(exactnessOf(sourcePath));
  expect(result.filter(({ isFlash }) => isFlash).length).toBe(
    source.filter(({ isFlash }) => isFlash).length,
  );
  expect(await soundOf(resultPath)).toEqual(await soundOf(sourcePath));
}

/** MKV rounds to milliseconds what the film that comes out of it has at its rate. */
function exactnessOf(path: string): number {
  return path.endsWith(".mkv") ? 0.000_6 : 0.000_001;
}

const SOUND = 1;

/** The packets of each sound track by their content. */
async function soundOf(path: string): Promise<readonly (readonly string[])[]> {
  const tracks = await readTracks(path);
  return tracks
    .filter(({ kind }) => kind === SOUND)
    .map(({ packets }) => packets.map(({ hash }) => hash));
}
