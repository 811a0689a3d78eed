import type { Input, InputVideoTrack } from "mediabunny";
import { loadMedia } from "./media.js";

/**
 * How many frames at the beginning of a film are not shown: edit lists of MP4 and MOV leave out what is before time 0,
 * as FFmpeg does, by which ComfyUI reads films.
 */
export async function leftOutCount(input: Input, track: InputVideoTrack): Promise<number> {
  const { EncodedPacketSink, MP4, QTFF } = await loadMedia();
  const format = await input.getFormat();
  if ((format !== MP4 && format !== QTFF) || (await track.getFirstTimestamp()) >= 0) return 0;
  let count = 0;
  const packets = new EncodedPacketSink(track).packets(undefined, undefined, {
    metadataOnly: true,
  });
  for await (const { timestamp } of packets) if (timestamp < 0) count += 1;
  return count;
}
