import type { Stream } from "node-av";
import { AV_CODEC_ID_BIN_DATA } from "node-av/constants";

/** Texts of QuickTime, and timed texts of MP4. */
const TEXT_TAGS: readonly (string | null)[] = ["text", "tx3g"];

/** Chapters of QuickTime are a track of texts, which FFmpeg shows as data. */
export function isChapterTrack({ codecpar }: Stream): boolean {
  const { codecId, codecTagString } = codecpar;
  return codecId === AV_CODEC_ID_BIN_DATA && TEXT_TAGS.includes(codecTagString);
}
