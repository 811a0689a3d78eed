import { registerMediabunnyServer } from "@mediabunny/server";
import { FilePathSource, Input, MP4, VideoSampleSink } from "mediabunny";

let isRegistered = false;

/** The brightness of each frame of an MP4 file. */
export async function readLuma(path: string): Promise<readonly Uint8Array[]> {
  if (!isRegistered) registerMediabunnyServer({ hardwareContext: null });
  isRegistered = true;
  using input = new Input({ source: new FilePathSource(path), formats: [MP4] });
  const track = await input.getPrimaryVideoTrack();
  if (track === null) throw new Error("There is no picture");
  const frames: Uint8Array[] = [];
  for await (const sample of new VideoSampleSink(track).samples()) {
    using frame = sample;
    const planes = new Uint8Array(frame.allocationSize());
    await frame.copyTo(planes);
    frames.push(planes.slice(0, frame.codedWidth * frame.codedHeight));
  }
  return frames;
}
