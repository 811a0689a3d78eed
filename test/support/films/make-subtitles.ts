import { extname } from "node:path";
import {
  AV_CODEC_ID_MOV_TEXT,
  AV_CODEC_ID_SUBRIP,
  AV_CODEC_ID_WEBVTT,
  AVMEDIA_TYPE_SUBTITLE,
  Dictionary,
  Packet,
  Rational,
} from "node-av";
import type { FilmWriter } from "./libav.js";
import type { MadeTrack } from "./make-sound.js";

/** Ticks are milliseconds. */
const TIME_BASE = { num: 1, den: 1000 };
const SHOWN_MS = 500n;

/** Adds subtitles to a film that is not begun yet: one text in each second, shown for half of it. */
export function addSubtitles(writer: FilmWriter, path: string, seconds: number): MadeTrack {
  const extension = extname(path);
  const isMovText = extension === ".mp4" || extension === ".mov";
  const stream = writer.format.newStream();
  stream.codecpar.codecType = AVMEDIA_TYPE_SUBTITLE;
  stream.codecpar.codecId = isMovText
    ? AV_CODEC_ID_MOV_TEXT
    : extension === ".webm"
      ? AV_CODEC_ID_WEBVTT
      : AV_CODEC_ID_SUBRIP;
  stream.timeBase = new Rational(TIME_BASE.num, TIME_BASE.den);
  stream.metadata = Dictionary.fromObject({ language: "deu" });
  const packets = Array.from({ length: Math.ceil(seconds) }, (_, second) => {
    const packet = new Packet();
    packet.alloc();
    packet.data = textPacket(`second ${second}`, isMovText);
    packet.pts = BigInt(second * 1000);
    packet.dts = packet.pts;
    packet.duration = SHOWN_MS;
    packet.isKeyframe = true;
    return packet;
  });
  return { stream, packets, timeBase: TIME_BASE };
}

/** A sample of 3GPP timed text has its length before it. */
function textPacket(text: string, isMovText: boolean): Buffer {
  const bytes = Buffer.from(text);
  if (!isMovText) return bytes;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
