import { writeFile } from "node:fs/promises";
import {
  BufferTarget,
  EncodedPacket,
  EncodedVideoPacketSource,
  Mp4OutputFormat,
  Output,
  type OutputFormat,
} from "mediabunny";

/** Options of a container. */
export interface ContainerOptions {
  /** @default MP4 with its index at the beginning */
  readonly format?: OutputFormat;
  readonly frameCount?: number;
  /** In degrees, clockwise. */
  readonly rotation?: 0 | 90 | 180 | 270;
}

const FPS = 24;

/**
 * Writes a video container of 64 x 48 pixels at 24 frames per second. Its packets contain no real
 * pictures, which is enough for code that reads containers and decodes nothing.
 */
export async function writeContainer(
  path: string,
  {
    format = new Mp4OutputFormat({ fastStart: "in-memory" }),
    frameCount = 48,
    rotation = 0,
  }: ContainerOptions = {},
): Promise<void> {
  const target = new BufferTarget();
  const output = new Output({ format, target });
  const source = new EncodedVideoPacketSource("vp9");
  output.addVideoTrack(source, { rotation, frameRate: FPS });
  await output.start();
  const decoderConfig = { codec: "vp09.00.10.08", codedWidth: 64, codedHeight: 48 };
  for (let index = 0; index < frameCount; index++) {
    const type = index % 12 === 0 ? "key" : "delta";
    const packet = new EncodedPacket(new Uint8Array(500).fill(1), type, index / FPS, 1 / FPS);
    await source.add(packet, { decoderConfig });
  }
  await output.finalize();
  await writeFile(path, new Uint8Array(target.buffer ?? new ArrayBuffer(0)));
}
