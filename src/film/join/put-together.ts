import { Packet, type Stream } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import type { FilmContainer } from "../../domain/film.js";
import { defined } from "../../lib/defined.js";
import { writeChapters } from "../chapters/write-chapters.js";
import type { Chapter } from "../film-facts.js";
import { takeBreaths } from "../media/breath.js";
import { MediaReader } from "../media/media-reader.js";
import { MediaWriter } from "../media/media-writer.js";
import { type FilmClock, filmClock } from "./film-clock.js";
import { filmParts } from "./film-parts.js";
import type { FilmToJoin, JoinedFilm } from "./film-to-join.js";
import { looksUpright } from "./looks-upright.js";
import { movieTimescale } from "./movie-timescale.js";
import { PictureTrack } from "./picture-track.js";
import { RestTracks } from "./rest-tracks.js";
import type { ResultPiece } from "./result-piece.js";
import { isAmbiguous } from "./shown-picture.js";

/** {@link joinFilm}, once the library is loaded. */
export async function putTogether(options: FilmToJoin, signal: AbortSignal): Promise<JoinedFilm> {
  const { film, container, restPath, outPath } = options;
  const clock = filmClock(film, container);
  const { shiftSeconds } = clock;
  await using writer = new MediaWriter(outPath, container === "mp4" ? "mp4" : "matroska");
  const pictureTrack = writer.addTrack();
  await using rest =
    restPath === undefined
      ? undefined
      : new RestTracks(await MediaReader.open(restPath), { film, writer, container, shiftSeconds });
  const tags = film.tags ?? rest?.tags ?? {};
  const begin = (): Promise<void> => writer.begin(tags, writeOptions(container, clock, rest));
  const fades = await writeAll({ ...options, clock, writer, pictureTrack, rest, begin }, signal);
  await writer.finish();
  await writeChapters(outPath, container, shifted(film.chapters ?? [], shiftSeconds), signal);
  return { notes: [...(rest?.notes ?? []), ...fades] };
}

interface FilmParts extends FilmToJoin {
  readonly clock: FilmClock;
  readonly writer: MediaWriter;
  readonly pictureTrack: Stream;
  readonly rest: RestTracks | undefined;
  /** Begins the file, once it is known what its tracks are. */
  readonly begin: () => Promise<void>;
}

/**
 * Writes the packets of all tracks, in the order in which they are due.
 *
 * @returns notes.
 */
async function writeAll(parts: FilmParts, signal: AbortSignal): Promise<readonly string[]> {
  const { film, writer, pictureTrack, rest } = parts;
  const breathe = takeBreaths(signal);
  using packet = new Packet();
  packet.alloc();
  let picture: PictureTrack | undefined;
  const notes = new Set<string>();
  for await (const { piece, packetCount, result, path, note } of filmParts(parts, signal)) {
    if (note !== undefined) notes.add(note);
    if (picture === undefined) {
      const isUpright = await knowUpright(parts, result, path, signal);
      picture = new PictureTrack(result, pictureTrack, { ...parts, ...defined({ isUpright }) });
      await parts.begin();
    }
    const before = async (seconds: number): Promise<void> => {
      await rest?.writeUntil(seconds, breathe);
      await breathe();
    };
    await picture.write(piece, packet, writer, before, {
      ...{ packetCount, frameCount: packetCount, looks: result },
    });
  }
  refuseHole(picture?.frameCount ?? 0, film.times.length);
  await rest?.writeUntil(Number.POSITIVE_INFINITY, breathe);
  rest?.finish();
  return [...notes];
}

/** Where the size of the first result does not tell whether it was turned, its picture does. */
async function knowUpright(
  { film, restPath }: FilmToJoin,
  { size }: ResultPiece,
  path: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (restPath === undefined || !isAmbiguous(film, size)) return undefined;
  try {
    return await looksUpright(restPath, path, film, signal);
  } catch (error) {
    signal.throwIfAborted();
    // The rest of a film has no picture. Its pieces say of no turn, so that no server has turned them.
    if (error instanceof TaskError && error.code === "INPUT_TYPE_UNSUPPORTED") return undefined;
    throw error;
  }
}

function shifted(chapters: readonly Chapter[], bySeconds: number): readonly Chapter[] {
  return chapters.map(({ title, startSeconds, endSeconds }) => ({
    ...{ title, startSeconds: startSeconds + bySeconds },
    ...defined({ endSeconds: endSeconds === undefined ? undefined : endSeconds + bySeconds }),
  }));
}

function writeOptions(
  container: FilmContainer,
  clock: FilmClock,
  tracks: RestTracks | undefined,
): Record<string, string | number> {
  if (container === "mkv") return {};
  return {
    movflags: "faststart",
    video_track_timescale: clock.timescale,
    movie_timescale: movieTimescale(clock, tracks?.starts ?? []),
  };
}

function refuseHole(count: number, promised: number): void {
  if (count === promised) return;
  throw new TaskError("BAD_RESULT", `The results have ${count} frames, the film has ${promised}`);
}
