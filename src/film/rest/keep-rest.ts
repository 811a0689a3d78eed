import { rm } from "node:fs/promises";
import type { Packet, Stream } from "node-av";
import { TaskError } from "../../domain/errors.js";
import type { FilmFacts } from "../film-facts.js";
import { MediaWriter } from "../media/media-writer.js";
import { eachPacket } from "../read/each-packet.js";
import { fileTags } from "../read/file-tags.js";
import { type OpenFilm, openFilm } from "../read/open-film.js";
import { restContainer } from "./rest-container.js";
import { addCopy, isFiller, restTracks, writeOptions } from "./rest-tracks.js";

/** What was kept of a film beside its picture. */
export interface KeptRest {
  /** Whether there is a file. Where nothing was to be kept there is none. */
  readonly isKept: boolean;
  /** What could not be kept, for people. */
  readonly notes: readonly string[];
}

/**
 * Keeps all that a film has beside its picture in a file of its own, for the join: every other track
 * packet by packet at its own time of the film, with language, title and disposition, and what the
 * film says of itself (title, artist, place, and so on) as metadata of the file.
 *
 * The file is an MP4 (of the QuickTime kind, where only that holds a track) for MP4 and MOV, and an
 * MKV for MKV and WebM. Its tracks stand in the order of the source. Its times are those of the film:
 * a late start and a negative one stay. A track may have no packets, as attached files have none.
 *
 * @param outPath - with the extension of {@link restContainer}.
 * @throws TaskError INPUT_DAMAGED, DISK_FULL.
 */
export async function keepRest(
  path: string,
  film: Pick<FilmFacts, "container">,
  outPath: string,
  signal: AbortSignal,
): Promise<KeptRest> {
  await using open = await openFilm(path, signal);
  const { format, streams, notes } = await restTracks(open, restContainer(film), outPath);
  const tags = fileTags(open.format.metadata?.getAll() ?? {});
  // No container holds metadata alone; the facts of the film have it too.
  const isKept = streams.length > 0;
  if (isKept) {
    const refused = await copyTracks(open, streams, { outPath, format, tags }, signal);
    return { isKept, notes: [...notes, ...refused] };
  }
  await rm(outPath, { force: true });
  return { isKept, notes };
}

/** @returns notes of what could not be copied. */
async function copyTracks(
  open: OpenFilm,
  streams: readonly Stream[],
  { outPath, format, tags }: { outPath: string; format: string; tags: Record<string, string> },
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using writer = new MediaWriter(outPath, format);
  const tracks = new Map(streams.map((from) => [from.index, { from, to: addCopy(writer, from) }]));
  await writer.begin(tags, writeOptions(format, streams));
  const refused = new Map<number, number>();
  await eachPacket(open, signal, (packet) => {
    const track = tracks.get(packet.streamIndex);
    if (track === undefined || isFiller(track.from, packet)) return true;
    packet.rescaleTs(track.from.timeBase, track.to.timeBase);
    packet.streamIndex = track.to.index;
    if (!tryWrite(writer, packet))
      refused.set(track.from.index, (refused.get(track.from.index) ?? 0) + 1);
    return true;
  });
  await writer.finish();
  return [...refused].map(
    ([track, count]) =>
      `${count} packets of track ${track + 1} were left out, since they have no time`,
  );
}

/** Whether the container takes a packet: none whose time is missing, or is not after the one before. */
function tryWrite(writer: MediaWriter, packet: Packet): boolean {
  try {
    writer.write(packet);
    return true;
  } catch (error) {
    if (error instanceof TaskError) throw error;
    return false;
  }
}
