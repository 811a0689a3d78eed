import { TaskError } from "../../domain/errors.js";
import { openVideo } from "../../input/probe/open-video.js";

/**
 * Counts the frames of a chunk's result: ComfyUI gives fewer without a word where it is asked for more
 * than there are.
 *
 * @param server that made it, for the message.
 * @throws TaskError BAD_RESULT
 */
export async function requireFrames(path: string, count: number, server: string): Promise<void> {
  const found = await countFrames(path).catch(() => undefined);
  if (found === count) return;
  const wrong = found === undefined ? "cannot be read" : `has ${found} frames, not ${count}`;
  const message = `Server "${server}" made no usable result: it ${wrong}`;
  throw new TaskError("BAD_RESULT", message, { isUnclear: true });
}

/** The frames of a film's picture. @throws any error if it cannot be read. */
export async function countFrames(path: string): Promise<number> {
  using input = await openVideo(path);
  const track = await input.getPrimaryVideoTrack();
  if (track === null) throw new Error("There is no video in the file");
  return (await track.computePacketStats()).packetCount;
}
