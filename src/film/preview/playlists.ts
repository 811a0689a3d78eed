import type { PicturePreview, PreviewFacts, PreviewSound } from "./preview-objects.js";
import { previewNames } from "./preview-objects.js";

/** A chunk whose result can be watched. */
export interface PreviewChunk {
  /** {@link previewNameOf} its result. */
  readonly name: string;
  readonly durationSeconds: number;
  /** Its segment could not be made: players go on behind it. @default false */
  readonly isMissing?: boolean;
}

/** How far a preview has come. */
export interface PreviewState {
  /** In the order of the film, without a gap. */
  readonly chunks: readonly PreviewChunk[];
  /** Whether no segment will follow. */
  readonly isEnd: boolean;
}

/** Bits a second of the sound, more or less. */
const SOUND_BANDWIDTH = 160_000;

/** The names of a preview's playlists, beside its objects. */
export const playlistNames = { picture: "picture.m3u8", sound: "sound.m3u8" } as const;

/**
 * The playlist that names the others (RFC 8216, 4.3.4).
 *
 * @param folder where the others are, relative to this one, with a slash at the end.
 */
export function masterPlaylist(
  folder: string,
  { codec, width, height, bandwidth }: PicturePreview,
  { sound }: PreviewFacts,
): string {
  const codecs = sound === undefined ? codec : `${codec},${sound.codec}`;
  const total = bandwidth + (sound === undefined ? 0 : SOUND_BANDWIDTH);
  const stream = `BANDWIDTH=${total},CODECS="${codecs}",RESOLUTION=${width}x${height}`;
  return lines([
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    ...(sound === undefined
      ? []
      : [
          `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,URI="${folder}${playlistNames.sound}"`,
        ]),
    `#EXT-X-STREAM-INF:${stream}${sound === undefined ? "" : ',AUDIO="sound"'}`,
    `${folder}${playlistNames.picture}`,
  ]);
}

/** The playlist of the picture: a segment for each chunk, each with its own decoder configuration. */
export function picturePlaylist(
  { targetSeconds }: PreviewFacts,
  { chunks, isEnd }: PreviewState,
): string {
  return lines([
    ...head(targetSeconds),
    ...chunks.flatMap(({ name, durationSeconds, isMissing }) => [
      ...(isMissing ? ["#EXT-X-GAP"] : [`#EXT-X-MAP:URI="${previewNames.init(name)}"`]),
      `#EXTINF:${seconds(durationSeconds)},`,
      previewNames.segment(name),
    ]),
    ...end(isEnd),
  ]);
}

/** The playlist of the sound: as far as there is picture, all of it once there is all of the picture. */
export function soundPlaylist(
  { targetSeconds }: PreviewFacts,
  { initBytes, segments }: PreviewSound,
  { chunks, isEnd }: PreviewState,
): string {
  const until = chunks.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
  const heard = segments.filter(({ startSeconds }) => startSeconds < until);
  return lines([
    ...head(targetSeconds),
    `#EXT-X-MAP:URI="${previewNames.sound}",BYTERANGE="${initBytes}@0"`,
    ...heard.flatMap(({ durationSeconds, startByte, sizeBytes }) => [
      `#EXTINF:${seconds(durationSeconds)},`,
      `#EXT-X-BYTERANGE:${sizeBytes}@${startByte}`,
      previewNames.sound,
    ]),
    ...end(isEnd),
  ]);
}

/** Segments are only ever added, and a player begins with the first. */
function head(targetSeconds: number): readonly string[] {
  return [
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    "#EXT-X-PLAYLIST-TYPE:EVENT",
    `#EXT-X-TARGETDURATION:${targetSeconds}`,
    "#EXT-X-MEDIA-SEQUENCE:0",
    "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
  ];
}

function end(isEnd: boolean): readonly string[] {
  return isEnd ? ["#EXT-X-ENDLIST"] : [];
}

function seconds(value: number): string {
  return value.toFixed(6);
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
