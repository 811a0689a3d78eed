import { Packet } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import { takeBreaths } from "../media/breath.js";
import { MediaReader } from "../media/media-reader.js";
import { MediaWriter } from "../media/media-writer.js";
import { type FilmClock, filmClock } from "./film-clock.js";
import type { FilmToJoin, JoinedFilm } from "./join-film.js";
import { movieTimescale } from "./movie-timescale.js";
import { PictureTrack } from "./picture-track.js";
import { RestTracks } from "./rest-tracks.js";
import { ResultPiece } from "./result-piece.js";

/** {@link joinFilm}, once the library is loaded. */
export async function putTogether(options: FilmToJoin, signal: AbortSignal): Promise<JoinedFilm> {
  const { film, results, container, restPath } = options;
  const clock = filmClock(film, container);
  using packet = newPacket();
  await using writer = new MediaWriter(options.outPath, container === "mp4" ? "mp4" : "matroska");
  const pictureTrack = writer.addTrack();
  const { shiftSeconds } = clock;
  await using tracks =
    restPath === undefined
      ? undefined
      : new RestTracks(await MediaReader.open(restPath), { film, writer, container, shiftSeconds });
  const breathe = takeBreaths(signal);
  let picture: PictureTrack | undefined;
  for await (const { path, frameCount } of results) {
    await using piece = await ResultPiece.open(path, packet, signal);
    refuseWrongCount(picture?.frameCount ?? 0, piece.ranks.length, frameCount);
    if (picture === undefined) {
      picture = new PictureTrack(piece, pictureTrack, { ...options, clock });
      await writer.begin(tracks?.tags ?? {}, writeOptions(container, clock, tracks));
    }
    await picture.write(piece, packet, writer, async (seconds) => {
      await tracks?.writeUntil(seconds, breathe);
      await breathe();
    });
  }
  refuseHole(picture?.frameCount ?? 0, film.times.length);
  await tracks?.writeUntil(Number.POSITIVE_INFINITY, breathe);
  tracks?.finish();
  await writer.finish();
  return { notes: tracks?.notes ?? [] };
}

function newPacket(): Packet {
  const packet = new Packet();
  packet.alloc();
  return packet;
}

function writeOptions(
  container: "mp4" | "mkv",
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

function refuseWrongCount(firstFrame: number, count: number, promised: number): void {
  if (count === promised) return;
  const message = `The result from frame ${firstFrame} on has ${count} frames, not ${promised}`;
  throw new TaskError("BAD_RESULT", message);
}

function refuseHole(count: number, promised: number): void {
  if (count === promised) return;
  throw new TaskError("BAD_RESULT", `The results have ${count} frames, the film has ${promised}`);
}
