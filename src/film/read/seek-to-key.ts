import { damagedFilm } from "./damaged-film.js";
import type { OpenFilm } from "./open-film.js";

/**
 * Goes on reading at a key frame, or before it, and the picture alone.
 *
 * @param ticks - when the key frame is shown.
 * @throws TaskError INPUT_DAMAGED.
 */
export async function seekToKey({ format, picture }: OpenFilm, ticks: number): Promise<void> {
  const { AVDISCARD_ALL, AVSEEK_FLAG_BACKWARD, FFmpegError } = await import("node-av");
  for (const stream of format.streams)
    if (stream.index !== picture.index) stream.discard = AVDISCARD_ALL;
  const result = await format.seekFrame(picture.index, BigInt(ticks), AVSEEK_FLAG_BACKWARD);
  if (result < 0)
    throw damagedFilm("its index leads nowhere", FFmpegError.fromCode(result) ?? undefined);
}
