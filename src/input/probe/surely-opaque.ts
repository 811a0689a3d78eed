import { headOfFile } from "../../lib/head-of-file.js";

/** Where a PNG tells the type of its colours, and those without an alpha channel: PNG specification, 11.2.1. */
const PNG_COLOURS_AT = 25;
const OPAQUE_COLOURS: ReadonlySet<number | undefined> = new Set([0, 2]);

/**
 * Whether the first bytes of a picture tell that it has no alpha channel. One colour of it may be transparent all
 * the same, of which only its decoder tells.
 */
export function isSurelyOpaque(path: string, mediaType: string): boolean {
  if (mediaType === "image/jpeg") return true;
  if (mediaType !== "image/png") return false;
  return OPAQUE_COLOURS.has(headOfFile(path, PNG_COLOURS_AT + 1)[PNG_COLOURS_AT]);
}
