import { setImmediate } from "node:timers/promises";
import type { Packet } from "node-av";
import { damagedFilm } from "./damaged-film.js";
import type { OpenFilm } from "./open-film.js";

/** How long the process may do nothing else. */
const SLICE_MS = 10;
/** A look at the clock costs as much as a packet. */
const PACKETS_BETWEEN_LOOKS = 16;

/**
 * Reads packets of all tracks that are not discarded, in the order of the file, until `take` returns
 * false or the film ends. The packet is reused: what is kept must be cloned.
 *
 * Reading one packet in a thread of the pool takes twenty times as long as reading it at once, so
 * slices are read at once.
 *
 * @throws TaskError INPUT_DAMAGED.
 */
export async function eachPacket(
  { format }: OpenFilm,
  signal: AbortSignal,
  take: (packet: Packet) => boolean,
): Promise<void> {
  const { AVERROR_EOF, FFmpegError, Packet } = await import("node-av");
  using packet = new Packet();
  packet.alloc();
  let [end, count] = [Date.now() + SLICE_MS, 0];
  for (;;) {
    const result = format.readFrameSync(packet);
    if (result === AVERROR_EOF) return;
    if (result < 0)
      throw damagedFilm("it cannot be read to its end", FFmpegError.fromCode(result) ?? undefined);
    const goesOn = take(packet);
    packet.unref();
    if (!goesOn) return;
    count += 1;
    if (count % PACKETS_BETWEEN_LOOKS !== 0 || Date.now() < end) continue;
    await setImmediate();
    signal.throwIfAborted();
    end = Date.now() + SLICE_MS;
  }
}
