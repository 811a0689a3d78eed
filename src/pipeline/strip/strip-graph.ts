import { open } from "node:fs/promises";
import { asDiskFull } from "../../input/probe/disk-full.js";
import { FileBytes } from "../../lib/file-bytes.js";
import type { ResultFile, WritableResult } from "./result-file.js";
import { stripJpeg } from "./strip-jpeg.js";
import { stripMatroska } from "./strip-matroska.js";
import { stripMp4 } from "./strip-mp4.js";
import { stripPng } from "./strip-png.js";
import { stripWebp } from "./strip-webp.js";

/**
 * Removes the graph that ComfyUI and its node packs write into results, in whatever form: text of a
 * PNG, EXIF of a WebP or JPEG, metadata of an MP4 or MOV, tags of an MKV or WebM. Pixels, frames and
 * other metadata keep every byte; other formats are left alone. A file of any size takes little
 * memory. Harmless to repeat.
 *
 * Source: `SaveImage`, `SaveAnimatedPNG`, `SaveAnimatedWEBP` and `SaveVideo` of ComfyUI 0.3.64;
 * `VHS_VideoCombine` of VideoHelperSuite.
 *
 * @throws TaskError DISK_FULL.
 */
export async function stripGraph(path: string): Promise<void> {
  using source = new FileBytes(path);
  const strip = stripperOf((await source.read(0, 12)).toString("latin1"));
  try {
    await strip?.({ path, source });
  } catch (thrown) {
    throw asDiskFull(thrown, "Cannot take the graph out of the result");
  }
}

type Strip<File extends ResultFile> = (file: File) => Promise<void>;

function stripperOf(head: string): Strip<ResultFile> | undefined {
  if (head.startsWith("\x89PNG")) return stripPng;
  if (head.startsWith("\xff\xd8\xff")) return stripJpeg;
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return inPlace(stripWebp);
  if (head.startsWith("\x1a\x45\xdf\xa3")) return inPlace(stripMatroska);
  return head.slice(4, 8) === "ftyp" ? inPlace(stripMp4) : undefined;
}

function inPlace(strip: Strip<WritableResult>): Strip<ResultFile> {
  return async (file) => {
    await using target = await open(file.path, "r+");
    await strip({ ...file, target });
  };
}
