import type { Sharp, SharpOptions } from "sharp";
import { TaskError } from "../../domain/errors.js";
import type { InputFacts } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { loadSharp, pictureSource } from "../../lib/load-sharp.js";
import { choosePage, convertPicture, takeOf } from "./convert-picture.js";
import { endsEarly, withEndMarker } from "./jpeg-end.js";
import type { Noted } from "./noted.js";
import { pictureHead } from "./picture-head.js";
import { checkPictureMetadata } from "./picture-metadata.js";
import { checkPictureSize, type PictureSize, type ProbeBounds } from "./picture-size.js";

/** What is found out about a picture. */
export interface PictureFacts extends PictureSize, Pick<InputFacts, "hasAlpha">, Noted {
  /** Only of a picture that was converted. */
  readonly mediaType?: string;
  readonly extension?: string;
}

/** What is known of a picture before it is decoded. */
export type SeenPicture = Partial<Pick<PictureFacts, "width" | "height" | "hasAlpha">>;

/**
 * Reads a still picture's size from its header, then decodes the whole picture to check that it is
 * complete; a small one meanwhile, where its first bytes tell the size. The pixels are decoded in
 * stripes. Only interlaced and progressive pictures need the whole raw picture in memory. A page of
 * several, and colours that servers read differently, are written as a PNG in the file's place.
 *
 * @param onSeen called before it is decoded with a picture that will probably be sent as it is, if it is whole: by its
 *   type, where that tells enough, and by its header.
 * @throws TaskError INPUT_TOO_LARGE before anything is decoded, INPUT_TYPE_UNSUPPORTED (animated, or
 *   a kind that nothing decodes), INPUT_DAMAGED, INPUT_TIMEOUT, DISK_FULL.
 */
export async function probeImage(
  path: string,
  mediaType: string,
  bounds: ProbeBounds,
  signal: AbortSignal,
  onSeen?: (seen: SeenPicture) => void,
): Promise<PictureFacts> {
  await checkPictureMetadata(path, mediaType, signal);
  const source = pictureSource(path);
  const { isOpaque, size } = pictureHead(source, mediaType);
  const early = decodeEarly(source, size, bounds);
  // It is told while other threads decode it and read its header.
  const onBegun = async (): Promise<void> => {
    if (isOpaque) onSeen?.({});
  };
  const picture = { path, source, early, bounds, signal };
  try {
    return await decode(picture, { onBegun, ...defined({ onHeader: onSeen }) });
  } catch (thrown) {
    signal.throwIfAborted();
    throw translateSharpError(thrown, path);
  } finally {
    await early;
  }
}

/** So many are decoded in the time in which a header is read and judged. */
const EARLY_PIXELS = 2 ** 18;

/**
 * Decodes every row of a small picture whose first bytes tell its size.
 *
 * @returns the size, if the picture is whole. It never rejects: what is wrong with it, {@link decode} finds out.
 */
async function decodeEarly(
  source: string | Buffer,
  size: PictureSize | undefined,
  bounds: ProbeBounds,
): Promise<PictureSize | undefined> {
  if (size === undefined || size.width * size.height > EARLY_PIXELS) return undefined;
  try {
    await readAll(await openPicture(source, { page: 0, failOn: "error" }, bounds), size);
    return size;
  } catch {
    return undefined;
  }
}

async function openPicture(
  source: string | Buffer,
  options: Pick<SharpOptions, "page" | "failOn">,
  { maxPixels, timeoutMs }: ProbeBounds,
): Promise<Sharp> {
  const sharp = await loadSharp();
  const picture = sharp(source, { ...options, limitInputPixels: maxPixels, sequentialRead: true });
  return picture.timeout({ seconds: Math.ceil(timeoutMs / 1000) });
}

interface Picture {
  readonly path: string;
  /** Its bytes or its path. */
  readonly source: string | Buffer;
  /** As {@link decodeEarly} returns it. */
  readonly early: Promise<PictureSize | undefined>;
  readonly bounds: ProbeBounds;
  readonly signal: AbortSignal;
}

interface DecodeEvents {
  /** Called once another thread reads the header. */
  readonly onBegun: () => Promise<void>;
  /** Called before it is decoded, where it is sent as it is. */
  readonly onHeader?: (seen: SeenPicture) => void;
}

async function decode(
  { path, source, early, bounds, signal }: Picture,
  { onBegun, onHeader }: DecodeEvents,
): Promise<PictureFacts> {
  const sharp = await loadSharp();
  const reading = sharp(source, { limitInputPixels: false }).metadata();
  const [first] = await Promise.all([reading, onBegun()]);
  const page = await choosePage(path, first);
  const metadata =
    page === 0 ? first : await sharp(path, { limitInputPixels: false, page }).metadata();
  const { autoOrient, hasAlpha } = metadata;
  checkPictureSize(autoOrient, bounds.maxPixels);
  const { writeAs, notes } = takeOf(page, metadata);
  signal.throwIfAborted();
  const { width, height } = autoOrient;
  const seen = { width, height, ...(hasAlpha && { hasAlpha }) };
  if (writeAs === undefined) onHeader?.(seen);
  const decodeAll = async (from: string | Buffer, failOn: "error" | "warning") => {
    const picture = await openPicture(from, { page, failOn }, bounds);
    await (writeAs === undefined
      ? readAll(picture, metadata)
      : convertPicture(picture, path, writeAs));
  };
  const isDone = writeAs === undefined && page === 0 && isSameSize(metadata, await early);
  if (!isDone) {
    await decodeAll(source, "error").catch(async (thrown: unknown) => {
      if (!endsEarly(thrown)) throw thrown;
      await withEndMarker(path, () => decodeAll(path, "warning"));
    });
  }
  signal.throwIfAborted();
  return { ...seen, notes, ...(writeAs && { mediaType: "image/png", extension: ".png" }) };
}

function isSameSize({ width, height }: PictureSize, other: PictureSize | undefined): boolean {
  return other?.width === width && other.height === height;
}

/** Decodes every row: each gives one pixel. Fewer would let the decoder skip rows. */
async function readAll(picture: Sharp, { width, height }: PictureSize): Promise<void> {
  await picture
    .extract({ left: width >> 1, top: 0, width: 1, height })
    .raw()
    .toBuffer();
}

/** What the decoder's messages mean; the first that fits counts. */
const MEANINGS = [
  [/no space left/i, "DISK_FULL", "the disk is full"],
  [/^timeout/, "INPUT_TIMEOUT", "decoding it takes too long"],
  [/memory/i, "INPUT_TOO_LARGE", "its metadata or its tiles are too large"],
  [
    /not (implemented|supported|configured)|no known route|unsupported|whole number of bytes|samples out of range|bad labq|pseudo-tag/i,
    "INPUT_TYPE_UNSUPPORTED",
    "nothing here decodes its kind of pixels",
  ],
  [/(?:)/, "INPUT_DAMAGED", "the image is damaged"],
] as const;

function translateSharpError(thrown: unknown, path: string): unknown {
  if (thrown instanceof TaskError || !(thrown instanceof Error)) return thrown;
  const cause = thrown;
  const [reason = ""] = thrown.message.replaceAll(path, "file").split("\n");
  const [, code, what] = MEANINGS.find(([text]) => text.test(reason)) ?? MEANINGS[4];
  const detail = code === "INPUT_TIMEOUT" ? "" : ` (${reason})`;
  return new TaskError(code, `Cannot use input: ${what}${detail}`, { cause });
}
