import {
  AV_CODEC_ID_MOV_TEXT,
  AVMEDIA_TYPE_ATTACHMENT,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_SUBTITLE,
  AVMEDIA_TYPE_VIDEO,
} from "node-av/constants";
import { avGetCodecName, Dictionary, type Packet, type Stream } from "node-av/lib";
import type { FilmContainer } from "../../domain/film.js";
import { throwIfFailed } from "../media/media-error.js";
import { MediaWriter } from "../media/media-writer.js";
import { isChapterTrack } from "../read/chapter-track.js";
import type { OpenFilm } from "../read/open-film.js";

/** The tracks of a film beside its picture, and how they are kept. */
export interface RestTracks {
  /** As FFmpeg names it. */
  readonly format: string;
  readonly streams: readonly Stream[];
  readonly notes: readonly string[];
}

/** What FFmpeg writes for each container, the first that holds all tracks counts. */
const FORMATS = { mp4: ["mp4", "mov"], mkv: ["matroska"] } as const;
const KEPT_KINDS: readonly number[] = [
  ...[AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE, AVMEDIA_TYPE_ATTACHMENT],
];

/**
 * Finds out what holds the tracks of a film beside its picture.
 *
 * @param tryPath - of a file that is written to try it out.
 */
export async function restTracks(
  { format: { streams }, picture }: OpenFilm,
  container: FilmContainer,
  tryPath: string,
): Promise<RestTracks> {
  const others = streams.filter(({ index }) => index !== picture.index);
  const wanted = others.filter(({ codecpar }) => KEPT_KINDS.includes(codecpar.codecType));
  let best: RestTracks = { format: FORMATS[container][0], streams: [], notes: [] };
  for (const format of FORMATS[container]) {
    const held: Stream[] = [];
    for (const stream of wanted) if (await holds(tryPath, format, stream)) held.push(stream);
    if (held.length > best.streams.length) best = { format, streams: held, notes: [] };
    if (held.length === wanted.length) break;
  }
  const left = others.filter((stream) => !best.streams.includes(stream) && !isChapterTrack(stream));
  return { ...best, notes: left.map(leftOutNote) };
}

function leftOutNote({ index, codecpar }: Stream): string {
  const codec = avGetCodecName(codecpar.codecId) ?? "";
  const kind = codec === "" || codec === "none" ? "of an unknown kind" : codec;
  return `Track ${index + 1} (${kind}) was left out, since it is no sound, subtitles or picture`;
}

/** Whether the beginning of a file with the track can be written. */
async function holds(path: string, format: string, stream: Stream): Promise<boolean> {
  await using writer = new MediaWriter(path, format);
  try {
    addCopy(writer, stream);
    await writer.begin({}, {});
    return true;
  } catch {
    return false;
  }
}

/** Adds a track for the packets of another as they are. */
export function addCopy(writer: MediaWriter, from: Stream): Stream {
  const to = writer.addTrack();
  throwIfFailed(from.codecpar.copy(to.codecpar), "copy a track");
  to.codecpar.codecTag = 0;
  to.timeBase = from.timeBase;
  to.sampleAspectRatio = from.sampleAspectRatio;
  to.avgFrameRate = from.avgFrameRate;
  to.metadata = Dictionary.fromObject(from.metadata?.getAll() ?? {});
  to.disposition = from.disposition;
  return to;
}

/** Of timed text in MP4 an empty text fills the time between two others. FFmpeg writes its own. */
export function isFiller({ codecpar }: Stream, { data, size }: Packet): boolean {
  return (
    codecpar.codecId === AV_CODEC_ID_MOV_TEXT && size <= 2 && (data?.every((b) => b === 0) ?? true)
  );
}

/** Players count the length of a film in 32 bits. */
const MAX_TIMESCALE = 2 ** 31 - 1;

/** In MP4 a late start is exact to the ticks of the tracks, and every name of metadata is kept. */
export function writeOptions(format: string, streams: readonly Stream[]): Record<string, string> {
  if (format === "matroska") return { avoid_negative_ts: "disabled" };
  let timescale = 1000;
  for (const { timeBase } of streams) {
    const common = (timescale / greatestCommon(timescale, timeBase.den)) * timeBase.den;
    if (common <= MAX_TIMESCALE) timescale = common;
  }
  return { movflags: "use_metadata_tags", movie_timescale: String(timescale) };
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b);
}
