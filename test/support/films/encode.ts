import { Codec, type CodecContext, type FFEncoderCodec, Packet } from "node-av";

/** An encoder by FFmpeg's name. */
export function findEncoder(name: string): Codec {
  const codec = Codec.findEncoderByName(name as FFEncoderCodec);
  if (codec === null) throw new Error(`There is no encoder ${name}`);
  return codec;
}

/** Takes all packets that an encoder has ready. */
export function receiveAll(encoder: CodecContext, packets: Packet[]): void {
  for (;;) {
    const packet = new Packet();
    packet.alloc();
    if (encoder.receivePacketSync(packet) < 0) {
      packet.free();
      return;
    }
    packets.push(packet);
  }
}
