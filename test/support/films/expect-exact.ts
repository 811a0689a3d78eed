import { expect } from "vitest";
import type { FilmFacts } from "../../../src/film/film-facts.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import {
  flashesOf,
  readBeeps,
  readShown,
  readTracks,
  type ShownFrame,
  type StoredTrack,
} from "./read-film-clip.js";

const SIGNAL = new AbortController().signal;
const [SOUND, TEXT] = [1, 3];
const MILLISECONDS = 1000;
/** A packet of AAC, by which a track that is encoded anew may be off. */
const AAC_SECONDS = 1024 / 48_000;

/** What a film was before it was run; read once for all its results. */
export interface KnownFilm {
  readonly path: string;
  readonly facts: FilmFacts;
  readonly frames: readonly ShownFrame[];
  readonly tracks: readonly StoredTrack[];
}

/** Reads all that a result is compared with. */
export async function knowFilm(path: string): Promise<KnownFilm> {
  const [facts, frames] = [await readFilm(path, SIGNAL), await readShown(path)];
  return { path, facts, frames, tracks: await readTracks(path) };
}

/**
 * Expects of a result what is promised of films: frame k is frame k, at its time to the tick, as it was turned and as
 * wide as it was; the sound byte by byte unless it `isEncoded`, and in step with the picture over the whole.
 */
export async function expectExact(path: string, film: KnownFilm, isEncoded = false): Promise<void> {
  const result = await knowFilm(path);
  expect(result.frames.map(({ number }) => number)).toEqual(
    film.frames.map(({ number }) => number),
  );
  expectTimes(result, film.facts);
  expectShape(result, film);
  expectTracks(result, film, isEncoded);
  await expectInStep(result, film);
}

/** MKV counts in milliseconds: a source's or a result's own rounding is not to be told from the rate. */
function expectTimes({ facts: joined, frames }: KnownFilm, { times, timeBase }: FilmFacts): void {
  const tick = timeBase.num / timeBase.den;
  const shift = Math.max(0, -(times[0] ?? 0));
  const isCoarse = [timeBase.den, joined.timeBase.den].includes(MILLISECONDS);
  for (const [index, { seconds }] of frames.entries()) {
    const off = Math.abs(seconds - ((times[index] ?? Number.NaN) + shift) * tick);
    expect(off, `frame ${index}`).toBeLessThan(isCoarse ? 0.001 : 1e-9);
  }
}

/** A server may turn frames upright, and a player may: as a whole they are as they were. */
function expectShape({ facts, frames }: KnownFilm, film: KnownFilm): void {
  const turns = new Set(frames.map(({ turn }) => turn));
  const isUpright = facts.rotationDegrees === 0;
  expect([...turns]).toEqual([isUpright ? 0 : film.frames[0]?.turn]);
  if (!isUpright) expect(facts.rotationDegrees).toBe(film.facts.rotationDegrees);
  expect(shownShape(facts) / shownShape(film.facts)).toBeCloseTo(1, 1);
}

function shownShape({ width, height, pixelAspect, rotationDegrees }: FilmFacts): number {
  const shape = (width * pixelAspect.num) / (height * pixelAspect.den);
  return rotationDegrees % 180 === 0 ? shape : 1 / shape;
}

function expectTracks({ tracks }: KnownFilm, film: KnownFilm, isEncoded: boolean): void {
  const sounds = (all: readonly StoredTrack[]) => all.filter(({ kind }) => kind === SOUND);
  const bytes = ({ packets }: StoredTrack) => packets.map(({ hash }) => hash);
  expect(sounds(tracks)).toHaveLength(sounds(film.tracks).length);
  if (!isEncoded) expect(sounds(tracks).map(bytes)).toEqual(sounds(film.tracks).map(bytes));
  const texts = (all: readonly StoredTrack[]) => all.filter(({ kind }) => kind === TEXT).length;
  expect(texts(tracks)).toBe(texts(film.tracks));
}

/** Each beep is as far from its flash as it was, but for a packet. */
async function expectInStep(result: KnownFilm, film: KnownFilm): Promise<void> {
  const offsets = async ({ path, frames, tracks }: KnownFilm) => {
    const sound = tracks.find(({ kind }) => kind === SOUND);
    if (sound === undefined) return [];
    const beeps = await readBeeps(path, sound.index);
    return flashesOf(frames).map((flash) =>
      Math.min(...beeps.map((beep) => Math.abs(beep - flash))),
    );
  };
  const [now, before] = [await offsets(result), await offsets(film)];
  expect(now).toHaveLength(before.length);
  for (const [at, offset] of now.entries())
    expect(Math.abs(offset - (before[at] ?? 0)), `flash ${at}`).toBeLessThan(AAC_SECONDS);
}
