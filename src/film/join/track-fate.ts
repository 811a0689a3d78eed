import {
  AV_DISPOSITION_ATTACHED_PIC,
  AVMEDIA_TYPE_ATTACHMENT,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_SUBTITLE,
} from "node-av/constants";
import { avGetCodecName, type Stream } from "node-av/lib";
import type { FilmContainer } from "../../domain/film.js";

/** What becomes of a track of the source that is not its picture. */
export type TrackFate = "copy" | "encode" | "text" | "drop";

const MP4_SOUND = ["aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac", "dts"];
const MKV_SOUND = [
  ...MP4_SOUND,
  ...["vorbis", "truehd", "mlp", "wavpack", "tta", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le"],
  ...["pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32le", "pcm_f64le"],
];
const TEXTS = ["mov_text", "subrip", "webvtt", "ass", "text"];
const MKV_SUBTITLES = [
  ...["subrip", "webvtt", "ass", "text", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"],
];

/**
 * What becomes of a track: packets are copied where the container holds them and players of it play
 * them, which is why PCM is no sound for MP4.
 */
export function trackFate(stream: Stream, container: FilmContainer): TrackFate {
  const { codecType } = stream.codecpar;
  const codec = codecName(stream);
  if (stream.hasDisposition(AV_DISPOSITION_ATTACHED_PIC)) return "copy";
  if (codecType === AVMEDIA_TYPE_AUDIO)
    return (container === "mp4" ? MP4_SOUND : MKV_SOUND).includes(codec) ? "copy" : "encode";
  if (codecType === AVMEDIA_TYPE_SUBTITLE) return subtitleFate(codec, container);
  return codecType === AVMEDIA_TYPE_ATTACHMENT && container === "mkv" ? "copy" : "drop";
}

function subtitleFate(codec: string, container: FilmContainer): TrackFate {
  const held = container === "mp4" ? ["mov_text", "dvd_subtitle"] : MKV_SUBTITLES;
  if (held.includes(codec)) return "copy";
  return TEXTS.includes(codec) ? "text" : "drop";
}

/** As FFmpeg names it. */
export function codecName(stream: Stream): string {
  return avGetCodecName(stream.codecpar.codecId) ?? "";
}
