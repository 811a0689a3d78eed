import { rename } from "node:fs/promises";
import type { Metadata, Sharp } from "sharp";
import { TaskError } from "../../domain/errors.js";
import { firstFullPage } from "./tiff-pages.js";

/** What is taken of a picture file, and how. */
export interface PictureTake {
  /** Counted from 0. */
  readonly page: number;
  /** The colours that the picture is written in. Absent: it is sent as it is. */
  readonly writeAs?: "srgb" | "rgb16" | "grey16";
  /** For the notes of the task. */
  readonly notes: readonly string[];
}

/** Colours that servers read as they are. */
const KEPT_SPACES = new Set(["srgb", "rgb", "rgb16", "b-w", "grey16"]);
/** Colours that the decoder does not know: raw data of cameras, for example. */
const UNKNOWN_SPACES = new Set(["multiband", "histogram", "fourier", "matrix", "error"]);

/** Which page of a picture is used: of several pages the first full one. @returns it, counted from 0. */
export async function choosePage(path: string, metadata: Metadata): Promise<number> {
  const { format, pages = 1, pagePrimary = 0 } = metadata;
  if (pages <= 1) return 0;
  if (format === "tiff") return Math.min(await firstFullPage(path), pages - 1);
  if (format === "heif") return pagePrimary;
  throw new TaskError(
    "INPUT_TYPE_UNSUPPORTED",
    `Cannot use input: it is an animation (${pages} frames); send a still image, or a video file for a task of the type "video"`,
  );
}

/**
 * Decides what is done with a picture before it is sent. Servers take pages and colours differently,
 * so one page in RGB or grey is sent.
 *
 * @param metadata of the page.
 * @throws TaskError INPUT_TYPE_UNSUPPORTED for colours that cannot be converted.
 */
export function takeOf(page: number, metadata: Metadata): PictureTake {
  const { space, pages = 1, depth } = metadata;
  if (UNKNOWN_SPACES.has(space))
    throw new TaskError(
      "INPUT_TYPE_UNSUPPORTED",
      `Cannot use input: its colour space ("${space}", ${metadata.channels} channels) is not supported`,
    );
  const isKept = KEPT_SPACES.has(space) && (depth === "uchar" || depth === "ushort");
  if (pages <= 1 && isKept) return { page, notes: [] };
  const notes = pages > 1 ? [`Page ${page + 1} of ${pages} was used`] : [];
  if (!isKept) notes.push(`Colours were converted from ${nameOf(space)} (${depth}) to RGB`);
  const deep = space === "grey16" ? "grey16" : "rgb16";
  return { page, writeAs: isKept && depth === "ushort" ? deep : "srgb", notes };
}

const SPACE_NAMES: ReadonlyMap<string, string> = new Map([
  ["lab", "CIELAB"],
  ["labs", "CIELAB"],
  ["scrgb", "linear RGB"],
  ["b-w", "grey"],
  ["srgb", "RGB"],
]);

function nameOf(space: string): string {
  return SPACE_NAMES.get(space) ?? space.toUpperCase();
}

/** Replaces a picture's file by a PNG of what is taken of it, upright. */
export async function convertPicture(
  picture: Sharp,
  path: string,
  colours: NonNullable<PictureTake["writeAs"]>,
): Promise<void> {
  const part = `${path}.part`;
  await picture.autoOrient().toColourspace(colours).png({ compressionLevel: 1 }).toFile(part);
  await rename(part, path);
}
