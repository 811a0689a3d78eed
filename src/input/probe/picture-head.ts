import { headOfFile } from "../../lib/head-of-file.js";
import type { PictureSize } from "./picture-size.js";

/** What the first bytes of a picture tell. */
export interface PictureHead {
  /** It has no alpha channel. One colour of a PNG may be transparent all the same, of which only its decoder tells. */
  readonly isOpaque: boolean;
  /** Of a PNG. Others tell their size anywhere. */
  readonly size?: PictureSize;
}

/** Where a PNG tells its size and the type of its colours, and those without an alpha channel: PNG specification, 11.2.1. */
const PNG = { widthAt: 16, heightAt: 20, coloursAt: 25 };
const OPAQUE_COLOURS: ReadonlySet<number> = new Set([0, 2]);

/** Reads what is told in a fixed place. @param source a picture's bytes or its path */
export function pictureHead(source: Buffer | string, mediaType: string): PictureHead {
  if (mediaType !== "image/png") return { isOpaque: mediaType === "image/jpeg" };
  const head = typeof source === "string" ? headOfFile(source, PNG.coloursAt + 1) : source;
  if (head.length <= PNG.coloursAt) return { isOpaque: false };
  return {
    isOpaque: OPAQUE_COLOURS.has(head.readUInt8(PNG.coloursAt)),
    size: { width: head.readUInt32BE(PNG.widthAt), height: head.readUInt32BE(PNG.heightAt) },
  };
}
