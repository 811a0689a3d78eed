import { AVMEDIA_TYPE_VIDEO, type FormatContext, Packet } from "node-av";
import { checked, FilmWriter, openForReading } from "./libav.js";

/**
 * Makes a long film by repeating the packets of a short one, its first track only. The short one
 * must begin with a key frame, have frames of equal length, and need none of what came before.
 *
 * @returns how many frames it has.
 */
export async function repeatFilm(
  path: string,
  shortPath: string,
  repeats: number,
): Promise<number> {
  const input = await openForReading(shortPath);
  const source = input.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_VIDEO);
  if (source === undefined) throw new Error("There is no picture");
  const packets = readPackets(input, source.index);
  const writer = new FilmWriter(path);
  const stream = writer.format.newStream();
  checked(source.codecpar.copy(stream.codecpar));
  stream.codecpar.codecTag = 0;
  stream.timeBase = source.timeBase;
  stream.avgFrameRate = source.avgFrameRate;
  writer.begin();
  const length = packets.reduce((sum, { duration }) => sum + duration, 0n);
  for (let round = 0n; round < repeats; round += 1n)
    for (const packet of packets) {
      const copy = packet.clone();
      if (copy === null) throw new Error("There is no memory for a packet");
      copy.pts += round * length;
      copy.dts += round * length;
      writer.write(copy, stream, source.timeBase);
      copy.free();
    }
  writer.end();
  for (const packet of packets) packet.free();
  await input.closeInput();
  return packets.length * repeats;
}

function readPackets(input: FormatContext, track: number): Packet[] {
  const packets: Packet[] = [];
  for (;;) {
    const packet = new Packet();
    packet.alloc();
    if (input.readFrameSync(packet) < 0) return packets;
    if (packet.streamIndex === track) packets.push(packet);
  }
}
