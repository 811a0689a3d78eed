import type { Packet } from "node-av/lib";

/** Gives a packet another content. The library itself would make a new packet of it, without times. */
export function replaceData(packet: Packet, data: Buffer): void {
  const { pts, dts, duration, flags, streamIndex } = packet;
  packet.data = data;
  Object.assign(packet, { pts, dts, duration, flags, streamIndex });
}
