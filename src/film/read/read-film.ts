import { open } from "node:fs/promises";
import type { Stream } from "node-av";
import { defined } from "../../lib/defined.js";
import { readChapters } from "../chapters/read-chapters.js";
import type { FilmColour, FilmFacts, Ratio } from "../film-facts.js";
import { fileTags } from "./file-tags.js";
import { type FilmIndex, readIndex, rememberIndex } from "./film-index.js";
import { constantRate, reduced } from "./frame-rate.js";
import { type OpenFilm, openFilm } from "./open-film.js";
import { rotationOf } from "./rotation.js";

/**
 * Reads what has to be known of a film's picture: every frame that is shown, with its time, and what
 * a server loses. Packets are read, a few frames at the beginning are decoded.
 *
 * @throws TaskError INPUT_DAMAGED, INPUT_TYPE_UNSUPPORTED, INPUT_TOO_LARGE.
 */
export async function readFilm(path: string, signal: AbortSignal): Promise<FilmFacts> {
  await using film = await openFilm(path, signal);
  const facts = await readPictureFacts(film, path, signal);
  const index = await readIndex(film, signal);
  const times = Array.from(index.shownRanks, (rank) => index.ticks[index.packets[rank] ?? 0] ?? 0);
  const timeBase = { num: film.picture.timeBase.num, den: film.picture.timeBase.den };
  const lastDuration = lastDurationOf(index, times, MP4_FAMILY.has(facts.container));
  makeGrow(times);
  const { avgFrameRate, rFrameRate } = film.picture;
  const frameRate = constantRate(times, timeBase, lastDuration, [avgFrameRate, rFrameRate]);
  const tags = fileTags(film.format.metadata?.getAll() ?? {});
  const chapters = await readChapters(path, film, !MP4_FAMILY.has(facts.container), signal);
  const stated = defined({
    frameRate,
    language: languageOf(film.picture),
    tags: Object.keys(tags).length > 0 ? tags : undefined,
    chapters: chapters.length > 0 ? chapters : undefined,
  });
  const all = { ...facts, timeBase, times, lastDuration, ...stated };
  rememberIndex(all, index);
  return all;
}

const MP4_FAMILY: ReadonlySet<string> = new Set(["mp4", "mov"]);

type PictureFacts = Omit<
  FilmFacts,
  "times" | "timeBase" | "lastDuration" | "frameRate" | "tags" | "language" | "chapters"
>;

async function readPictureFacts(
  { format, picture }: OpenFilm,
  path: string,
  signal: AbortSignal,
): Promise<PictureFacts> {
  const { avGetCodecName, avGetPixFmtName } = await import("node-av");
  const { codecpar } = picture;
  const pixels = avGetPixFmtName(codecpar.format as never) ?? "";
  return {
    container: await containerOf(path, format.iformat?.name ?? ""),
    codec: avGetCodecName(codecpar.codecId) ?? "",
    width: codecpar.width,
    height: codecpar.height,
    rotationDegrees: await rotationOf(codecpar, path, signal),
    pixelAspect: pixelAspectOf(picture),
    colour: colourOf(picture),
    bitDepth: bitDepthOf(pixels, codecpar.bitsPerRawSample),
    isInterlaced: isInterlaced(picture),
    hasAlpha: /^(yuva|gbrap|rgba|argb|bgra|abgr|ya|pal8)/.test(pixels) || hasAlphaLayer(picture),
  };
}

/** As far into the file as the kind of an MP4 or Matroska file is written. */
const HEAD_BYTES = 64;

/** FFmpeg does not tell MP4 from MOV, nor MKV from WebM; the head of the file does. */
async function containerOf(path: string, formatName: string): Promise<FilmFacts["container"]> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const head = buffer.toString("latin1");
  if (formatName.includes("matroska")) return head.includes("webm") ? "webm" : "matroska";
  return head.slice(4, 12) === "ftypqt  " || head.slice(4, 8) !== "ftyp" ? "mov" : "mp4";
}

function pixelAspectOf({ sampleAspectRatio, codecpar }: Stream): Ratio {
  for (const { num, den } of [sampleAspectRatio, codecpar.sampleAspectRatio])
    if (num > 0 && den > 0) return reduced({ num, den });
  return { num: 1, den: 1 };
}

/** The numbers of FFmpeg are the code points of ISO/IEC 23091-2. */
const UNSPECIFIED = 2;
const [LIMITED_RANGE, FULL_RANGE] = [1, 2];

function colourOf({ codecpar }: Stream): FilmColour {
  const stated = (value: number) => (value === UNSPECIFIED || value <= 0 ? undefined : value);
  const range: number = codecpar.colorRange;
  const matrix: number = codecpar.colorSpace;
  return defined({
    primaries: stated(codecpar.colorPrimaries),
    transfer: stated(codecpar.colorTrc),
    // 0 is a matrix too: the three colours as they are.
    matrix: matrix === UNSPECIFIED ? undefined : matrix,
    isFullRange: range === FULL_RANGE ? true : range === LIMITED_RANGE ? false : undefined,
  });
}

const PLAIN_DEPTH = 8;

/** The end of the name of a pixel format, such as yuv420p10le or p010le, says its bits. */
function bitDepthOf(pixels: string, rawBits: number): number {
  const named = /(9|10|12|14|16)(?:le|be)?$/.exec(pixels)?.[1];
  if (named !== undefined && !/^(nv|yuyv|uyvy)/.test(pixels)) return Number(named);
  return pixels === "" && rawBits > PLAIN_DEPTH ? rawBits : PLAIN_DEPTH;
}

function languageOf({ metadata }: Stream): string | undefined {
  const language = metadata?.get("language") ?? "und";
  return language === "und" ? undefined : language;
}

const PROGRESSIVE = 1;

function isInterlaced({ codecpar }: Stream): boolean {
  const { fieldOrder } = codecpar.toJSON();
  return typeof fieldOrder === "number" && fieldOrder > PROGRESSIVE;
}

/** VP8 and VP9 keep transparency beside the picture, in blocks that decoders pass over. */
function hasAlphaLayer({ metadata }: Stream): boolean {
  return (metadata?.get("alpha_mode") ?? "0") !== "0";
}

/** Two frames of one time cannot both be shown: the later comes a tick later. */
function makeGrow(times: number[]): void {
  for (let at = 1; at < times.length; at += 1)
    times[at] = Math.max(times[at] ?? 0, (times[at - 1] ?? 0) + 1);
}

/**
 * MP4 says how long it is from one packet to the next in the order of decoding, which for a single
 * frame of a film with reordered ones is no duration. Their sum is that of the film.
 */
function lastDurationOf(index: FilmIndex, times: readonly number[], isMp4: boolean): number {
  const last = times.at(-1) ?? 0;
  const { durationSum, lastDuration, shownRanks, ticks } = index;
  const isWhole = isMp4 && shownRanks.length === ticks.length;
  const bySum = isWhole && durationSum !== undefined ? (times[0] ?? 0) + durationSum - last : 0;
  if (bySum > 0) return bySum;
  if (lastDuration > 0) return lastDuration;
  return Math.max(1, last - (times.at(-2) ?? last - 1));
}
