import { createHash } from "node:crypto";
import {
  AV_PKT_DATA_DISPLAYMATRIX,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
} from "node-av/constants";
import {
  Codec,
  CodecContext,
  FFmpegError,
  FormatContext,
  Frame,
  Packet,
  type Stream,
} from "node-av/lib";
import { numberOf } from "./numbered-frames.js";

/** A track as it is read back. */
export interface ReadTrack {
  readonly stream: Stream;
  readonly language: string | undefined;
  readonly packets: readonly ReadPacket[];
}

/** A packet as it is read back. */
export interface ReadPacket {
  readonly hash: string;
  readonly seconds: number;
}

/** A film as it is read back. */
export interface ReadFilm {
  /** Of the picture: the number that each shown frame tells, and when it is shown, in seconds. */
  readonly numbers: readonly number[];
  readonly times: readonly number[];
  readonly ticks: readonly number[];
  readonly timescale: number;
  readonly picture: Stream;
  /** Clockwise. */
  readonly rotationDegrees: number;
  readonly tracks: readonly ReadTrack[];
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads a film back: decodes its whole picture and reads every packet of its other tracks. */
export function readBack(path: string): ReadFilm {
  const input = new FormatContext();
  check(input.openInputSync(path));
  check(input.findStreamInfoSync());
  const picture = input.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_VIDEO)!;
  const decoder = openDecoder(picture);
  const found: { number: number; ticks: number }[] = [];
  const frame = new Frame();
  frame.alloc();
  const packet = new Packet();
  packet.alloc();
  const drain = (): void => {
    for (;;) {
      const code = decoder.receiveFrameSync(frame);
      if (code < 0) return;
      found.push({ number: numberOf(frame), ticks: Number(frame.pts) });
    }
  };
  const tracks = new Map<number, ReadPacket[]>();
  while (input.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === picture.index) {
      check(decoder.sendPacketSync(packet));
      drain();
    } else {
      const { num, den } = input.streams[packet.streamIndex]!.timeBase;
      const packets = tracks.get(packet.streamIndex) ?? [];
      packets.push({ hash: hashOf(packet.data), seconds: (Number(packet.pts) * num) / den });
      tracks.set(packet.streamIndex, packets);
    }
    packet.unref();
  }
  check(decoder.sendPacketSync(null));
  drain();
  const { num, den } = picture.timeBase;
  return {
    numbers: found.map(({ number }) => number),
    ticks: found.map(({ ticks }) => ticks),
    times: found.map(({ ticks }) => (ticks * num) / den),
    timescale: den / num,
    picture,
    rotationDegrees: rotationOf(picture),
    tracks: [...tracks].map(([index, packets]) => {
      const stream = input.streams[index]!;
      return { stream, packets, language: stream.metadata?.get("language") ?? undefined };
    }),
    tags: input.metadata?.getAll() ?? {},
  };
}

/** The packets of the first track of sound. */
export function soundOf({ tracks }: ReadFilm): readonly ReadPacket[] {
  return (
    tracks.find(({ stream }) => stream.codecpar.codecType === AVMEDIA_TYPE_AUDIO)?.packets ?? []
  );
}

function openDecoder(stream: Stream): CodecContext {
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  const decoder = new CodecContext();
  decoder.allocContext3(codec);
  check(stream.codecpar.toContext(decoder));
  decoder.pktTimebase = stream.timeBase;
  check(decoder.setOption("err_detect", "explode"));
  check(decoder.open2Sync(codec));
  return decoder;
}

function rotationOf(stream: Stream): number {
  const matrix = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (matrix === null) return 0;
  const degrees = Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0)) * (180 / Math.PI);
  return (Math.round(degrees) + 360) % 360;
}

function hashOf(data: Buffer | null): string {
  return createHash("sha1")
    .update(data ?? "")
    .digest("hex");
}

function check(code: number): void {
  FFmpegError.throwIfError(code, "read the film back");
}
