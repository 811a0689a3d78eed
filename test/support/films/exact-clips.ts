import { rename } from "node:fs/promises";
import { type FilmOptions, makeFilm } from "./make-film.js";
import { turnBySei } from "./turn-by-sei.js";

/** A film by the extension of its file, and whether its sound cannot come back as it is. */
export interface ExactClip {
  readonly film: FilmOptions;
  /** @default "mp4" */
  readonly extension?: string;
  /** Whether its pictures say that they are to be turned by 90 degrees. @default false */
  readonly isTurnedBySei?: boolean;
  /** That the result is asked to have. @default the service's own */
  readonly container?: "mkv";
  /** @default false */
  readonly isEncoded?: boolean;
  /** What is said of it where it runs in chunks. @default nothing */
  readonly note?: string;
}

const AAC = { codec: "aac" } as const;
const MANY = [{ codec: "pcm_s16le" }, { codec: "aac", channels: 6 }] as const;
const rate = (num: number, den = 1) => ({ num, den });
const VARIABLE = { rate: rate(90), times: (at: number) => at * 4 + (at % 4), lastDuration: 3 };

/** Every kind of film that comes back exactly. Each has 48 frames and a track of sound unless it says otherwise. */
export const EXACT_CLIPS: Readonly<Record<string, ExactClip>> = {
  "reordered H.264 of 23.976": { film: { rate: rate(24_000, 1001), bFrames: 3 } },
  "open H.264 of 29.97": { film: { rate: rate(30_000, 1001), isOpenGop: true } },
  "intra refresh": { film: { isIntraRefresh: true }, note: "Key frames of the film are far apart" },
  "open HEVC of 50": { film: { codec: "hevc", rate: rate(50), isOpenGop: true, frameCount: 60 } },
  "VP9 of an odd size": {
    film: { codec: "vp9", size: { width: 97, height: 65 }, sound: [{ codec: "libopus" }] },
    extension: "webm",
  },
  AV1: { film: { codec: "av1" } },
  "variable times": { film: VARIABLE, extension: "mov" },
  "one frame a second": { film: { rate: rate(1), frameCount: 20 } },
  "an edit list": { film: { times: (at) => at - 5 } },
  "a late picture": { film: { times: (at) => at + 7 } },
  "late sound": { film: { sound: [{ ...AAC, startSeconds: 0.478 }] } },
  "PCM, 5.1 and subtitles": {
    film: { sound: MANY, hasSubtitles: true },
    extension: "mkv",
    isEncoded: true,
    note: "was encoded to AAC",
  },
  "PCM, FLAC, 5.1 and subtitles, to MKV": {
    film: { sound: [...MANY, { codec: "flac" }], hasStyles: true, rate: rate(24_000, 1001) },
    extension: "mkv",
    container: "mkv",
  },
  "variable times, to MKV": { film: VARIABLE, container: "mkv" },
  "turned by 90": { film: { ...VARIABLE, rotation: 90 }, extension: "mov" },
  "turned by 180": { film: { rotation: 180 } },
  "turned by 270, to MKV": { film: { rotation: 270 }, container: "mkv" },
  "turned by its pictures alone": {
    film: { rotation: 90, saysRotation: false },
    isTurnedBySei: true,
  },
  "pixels of 16:11": { film: { pixelAspect: rate(16, 11) } },
  "one frame": { film: { frameCount: 1 } },
  "17 frames": { film: { frameCount: 17 } },
};

/** Writes the film of a clip. */
export async function makeClip(path: string, { film, isTurnedBySei }: ExactClip): Promise<void> {
  await makeFilm(path, { sound: [{ codec: "aac" }], ...film });
  if (!isTurnedBySei) return;
  const plain = `${path}.plain.mp4`;
  await rename(path, plain);
  await turnBySei(plain, path);
}
