import { Packet } from "node-av/lib";
import { MediaReader } from "../../../src/film/media/media-reader.js";
import { MediaWriter } from "../../../src/film/media/media-writer.js";
import { replaceData } from "../../../src/film/media/replace-data.js";
import { checked } from "./libav.js";

/** A message of ITU-T H.264, D.1.27: by a quarter with the clock, until another says otherwise. */
const SEI = Buffer.from([0, 0, 0, 7, 0x06, 47, 3, 0x18, 0x00, 0x09, 0x80]);

/** Copies an MP4 of H.264 so that its key pictures say that they are to be turned, and the container does not. */
export async function turnBySei(path: string, outPath: string): Promise<void> {
  await using reader = await MediaReader.open(path);
  await using writer = new MediaWriter(outPath, "mp4");
  const tracks = reader.streams.map((from) => {
    const to = writer.addTrack();
    checked(from.codecpar.copy(to.codecpar));
    to.timeBase = from.timeBase;
    return { from, to };
  });
  await writer.begin({}, {});
  using packet = new Packet();
  packet.alloc();
  while (reader.read(packet)) {
    const { from, to } = tracks[packet.streamIndex]!;
    if (from.codecpar.width > 0 && packet.isKeyframe)
      replaceData(packet, Buffer.concat([SEI, packet.data!]));
    packet.rescaleTs(from.timeBase, to.timeBase);
    writer.write(packet);
  }
  await writer.finish();
}
