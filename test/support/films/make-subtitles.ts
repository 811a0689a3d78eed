import { extname } from "node:path";
import {
  AV_CODEC_ID_ASS,
  AV_CODEC_ID_MOV_TEXT,
  AV_CODEC_ID_SUBRIP,
  AV_CODEC_ID_TTF,
  AV_CODEC_ID_WEBVTT,
  AVMEDIA_TYPE_ATTACHMENT,
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
  const packets = Array.from({ length: Math.ceil(seconds) }, (_, second) =>
    packetOf(textPacket(`second ${second}`, isMovText), second),
  );
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

/** Adds subtitles with styles, as MKV alone holds them, and the font that they want. */
export function addStyledSubtitles(writer: FilmWriter, seconds: number): MadeTrack {
  const stream = writer.format.newStream();
  stream.codecpar.codecType = AVMEDIA_TYPE_SUBTITLE;
  stream.codecpar.codecId = AV_CODEC_ID_ASS;
  stream.codecpar.extradata = Buffer.from("[Script Info]\nScriptType: v4.00+\n\n[Events]\n");
  stream.timeBase = new Rational(TIME_BASE.num, TIME_BASE.den);
  const font = writer.format.newStream();
  font.codecpar.codecType = AVMEDIA_TYPE_ATTACHMENT;
  font.codecpar.codecId = AV_CODEC_ID_TTF;
  font.codecpar.extradata = Buffer.from("a font");
  font.metadata = Dictionary.fromObject({ filename: "a.ttf", mimetype: "font/ttf" });
  const packets = Array.from({ length: Math.ceil(seconds) }, (_, second) =>
    packetOf(Buffer.from(`${second},0,Default,,0,0,0,,{\\i1}second ${second}`), second),
  );
  return { stream, packets, timeBase: TIME_BASE };
}

function packetOf(data: Buffer, second: number): Packet {
  const packet = new Packet();
  packet.alloc();
  packet.data = data;
  packet.pts = BigInt(second * 1000);
  packet.dts = packet.pts;
  packet.duration = SHOWN_MS;
  packet.isKeyframe = true;
  return packet;
}
