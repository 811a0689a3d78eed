import {
  AV_CODEC_ID_MOV_TEXT,
  AV_CODEC_ID_SUBRIP,
  AV_NOPTS_VALUE,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_SUBTITLE,
} from "node-av/constants";
import {
  avGetAudioFrameDuration2,
  avRescaleDelta,
  Dictionary,
  type Packet,
  Rational,
  type Stream,
} from "node-av/lib";
import type { FilmContainer } from "../../domain/film.js";
import { throwIfFailed } from "../media/media-error.js";
import { replaceData } from "../media/replace-data.js";
import { EncodedSound } from "./encoded-sound.js";
import { movTextSample, movTextStyle, subtitleText } from "./subtitle-text.js";
import { codecName } from "./track-fate.js";

/** Takes a packet whose times are those of the source, in ticks of the new track. */
export type WritePacket = (packet: Packet) => void;

/** A track of the source that goes into the film. */
export interface KeptTrack extends Disposable {
  readonly from: Stream;
  readonly to: Stream;
  /** Takes the next packet of the source, or null at the end. */
  take(packet: Packet | null, write: WritePacket): void;
}

/** Keeps a track packet by packet. */
export function copiedTrack(from: Stream, to: Stream): KeptTrack {
  throwIfFailed(from.codecpar.copy(to.codecpar), "copy a track");
  to.codecpar.codecTag = 0;
  to.timeBase = from.timeBase;
  describe(from, to);
  const lastReference = { value: AV_NOPTS_VALUE };
  return {
    ...{ from, to },
    take: (packet, write) => {
      if (packet === null) return;
      if (!setSoundTimes(packet, from, to, lastReference))
        packet.rescaleTs(from.timeBase, to.timeBase);
      write(packet);
    },
    [Symbol.dispose]: () => {},
  };
}

/**
 * Keeps a track of sound that the container cannot hold as AAC.
 *
 * @param isFilled see {@link EncodedSound}.
 */
export function encodedTrack(from: Stream, to: Stream, isFilled = false): KeptTrack {
  const sound = new EncodedSound(from, isFilled);
  sound.describe(to);
  describe(from, to);
  const { timeBase } = sound;
  return {
    ...{ from, to },
    take: (packet, write) =>
      sound.encode(packet, (encoded) => {
        encoded.rescaleTs(timeBase, to.timeBase);
        write(encoded);
      }),
    [Symbol.dispose]: () => sound[Symbol.dispose](),
  };
}

/** Keeps the text of subtitles that the container cannot hold as they are. */
export function textTrack(from: Stream, to: Stream, container: FilmContainer): KeptTrack {
  const codec = codecName(from);
  const isMp4 = container === "mp4";
  to.codecpar.codecType = AVMEDIA_TYPE_SUBTITLE;
  to.codecpar.codecId = isMp4 ? AV_CODEC_ID_MOV_TEXT : AV_CODEC_ID_SUBRIP;
  if (isMp4) to.codecpar.extradata = movTextStyle();
  to.timeBase = new Rational(1, 1000);
  describe(from, to);
  return {
    ...{ from, to },
    take: (packet, write) => {
      const text = packet?.data && subtitleText(codec, packet.data);
      // An empty text only fills the time between two others.
      if (!packet || !text) return;
      replaceData(packet, isMp4 ? movTextSample(text) : Buffer.from(text));
      packet.rescaleTs(from.timeBase, to.timeBase);
      write(packet);
    },
    [Symbol.dispose]: () => {},
  };
}

/** When a packet is due, in ticks of its track. */
export function dueAt({ dts, pts }: Packet): bigint {
  return dts === AV_NOPTS_VALUE ? pts : dts;
}

/** Times of MKV are rounded to a millisecond; those of sound follow from its samples. */
function setSoundTimes(
  packet: Packet,
  { codecpar, timeBase }: Stream,
  to: Stream,
  lastReference: { value: bigint },
): boolean {
  if (codecpar.codecType !== AVMEDIA_TYPE_AUDIO) return false;
  const samples = avGetAudioFrameDuration2(codecpar, packet.size);
  if (samples <= 0) return false;
  const { sampleRate } = codecpar;
  const tick = { num: 1, den: sampleRate };
  const { num, den } = to.timeBase;
  const due = avRescaleDelta(timeBase, dueAt(packet), tick, samples, lastReference, to.timeBase);
  packet.dts = due;
  packet.pts = due;
  packet.duration = BigInt(Math.round((samples * den) / (sampleRate * num)));
  return true;
}

const TAGS = ["language", "title", "handler_name", "filename", "mimetype"];

/** Without what the container writes itself. */
function describe(from: Stream, to: Stream): void {
  const tags = Object.entries(from.metadata?.getAll() ?? {});
  to.metadata = Dictionary.fromObject(
    Object.fromEntries(tags.filter(([name]) => TAGS.includes(name))),
  );
  to.disposition = from.disposition;
}
