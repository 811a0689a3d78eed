import { defined } from "../../lib/defined.js";
import type { Chapter } from "../film-facts.js";
import { isChapterTrack } from "../read/chapter-track.js";
import { eachPacket } from "../read/each-packet.js";
import { type OpenFilm, openFilm } from "../read/open-film.js";

/**
 * The chapters of QuickTime: a track of texts that another track names as its chapters. FFmpeg passes
 * over its packets unless they are wanted.
 */
export async function quickTimeChapters(
  path: string,
  film: OpenFilm,
  signal: AbortSignal,
): Promise<readonly Chapter[]> {
  if (!film.format.streams.some(isChapterTrack)) return [];
  const { AVDISCARD_ALL, AVDISCARD_DEFAULT } = await import("node-av");
  await using open = await openFilm(path, signal, { isProbed: false });
  const track = open.format.streams.find(isChapterTrack);
  for (const stream of open.format.streams)
    stream.discard = stream.index === track?.index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  const chapters: Chapter[] = [];
  await eachPacket(open, signal, ({ streamIndex, pts, duration, data }) => {
    if (track === undefined || streamIndex !== track.index || data === null) return true;
    const { num, den } = track.timeBase;
    const startSeconds = (Number(pts) * num) / den;
    const endSeconds = duration > 0n ? startSeconds + (Number(duration) * num) / den : undefined;
    chapters.push({ startSeconds, title: textOf(data), ...defined({ endSeconds }) });
    return true;
  });
  return chapters;
}

/** A length, and the text, which is UTF-16 where it begins with a byte order mark. */
function textOf(sample: Buffer): string {
  if (sample.length < 2) return "";
  const text = sample.subarray(2, 2 + sample.readUInt16BE(0));
  const isUtf16 = text[0] === 0xfe && text[1] === 0xff;
  return isUtf16 ? new TextDecoder("utf-16be").decode(text.subarray(2)) : text.toString("utf8");
}
