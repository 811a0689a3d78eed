import type { InputVideoTrack, VideoCodec } from "mediabunny";

/** In pixels. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The first size of a VP8 or VP9 film's frames that differs from the size before, as recordings of
 * browsers have it. Only key frames are looked at. Undefined if the size never changes, or for other
 * codecs, whose containers state one size.
 */
export async function findSizeChange(
  track: InputVideoTrack,
  codec: VideoCodec | null,
  signal: AbortSignal,
): Promise<FrameSize | undefined> {
  const read = codec === "vp8" ? vp8Size : codec === "vp9" ? vp9Size : undefined;
  if (read === undefined) return undefined;
  const { EncodedPacketSink } = await import("mediabunny");
  const sink = new EncodedPacketSink(track);
  let first: FrameSize | undefined;
  let packet = await sink.getFirstKeyPacket();
  while (packet !== null) {
    signal.throwIfAborted();
    const size = read(packet.data);
    first ??= size;
    if (size && first && (size.width !== first.width || size.height !== first.height)) return size;
    packet = await sink.getNextKeyPacket(packet);
  }
  return undefined;
}

/** The size in a VP8 key frame's header, RFC 6386 section 9.1. Undefined: it is no key frame. */
function vp8Size(data: Uint8Array): FrameSize | undefined {
  const head = Buffer.from(data.subarray(0, 10));
  if (head.length < 10 || (head[0] ?? 1) & 1 || head.readUIntBE(3, 3) !== 0x9d012a)
    return undefined;
  return { width: head.readUInt16LE(6) & 0x3fff, height: head.readUInt16LE(8) & 0x3fff };
}

const VP9_SYNC_CODE = 0x498342n;
const VP9_SRGB = 7n;

/** The size in a VP9 key frame's header, VP9 bitstream specification section 6.2. */
function vp9Size(data: Uint8Array): FrameSize | undefined {
  const take = bitReader(data.subarray(0, 16));
  take(2);
  const profile = take(1) | (take(1) << 1n);
  if (profile === 3n) take(1);
  const isShownAgain = take(1) === 1n;
  const isKey = take(1) === 0n;
  take(2);
  if (isShownAgain || !isKey || take(24) !== VP9_SYNC_CODE) return undefined;
  if (profile >= 2n) take(1);
  const isSrgb = take(3) === VP9_SRGB;
  if (!isSrgb) take(1);
  // Odd profiles state the subsampling, and a reserved bit.
  if (profile % 2n === 1n) take(isSrgb ? 1 : 3);
  return { width: Number(take(16)) + 1, height: Number(take(16)) + 1 };
}

/** Takes bits from the front, the highest first. Behind the end are zeros. */
function bitReader(data: Uint8Array): (count: number) => bigint {
  let rest = BigInt(`0x${Buffer.from(data).toString("hex").padEnd(32, "0")}`);
  let left = 128;
  return (count) => {
    left -= count;
    const taken = rest >> BigInt(left);
    rest &= (1n << BigInt(left)) - 1n;
    return taken;
  };
}
