import type { TaskType } from "../../domain/task.js";
import { FileBytes } from "../../lib/file-bytes.js";
import { headOfFile } from "../../lib/head-of-file.js";
import { isoBoxes } from "../../lib/iso-boxes.js";

/** The type of a file, found by its content. */
export interface SniffedType {
  /** `application/octet-stream` if the content is not recognized. */
  readonly mediaType: string;
  /** With the dot, as ComfyUI's nodes expect it. Absent if the content is not recognized. */
  readonly extension?: string;
  /** The kind of input that the file can be. Absent if it cannot be an input. */
  readonly type?: TaskType;
}

/** Finds out the type of a file by its content; its name is ignored. */
export async function sniffMediaType(path: string): Promise<SniffedType> {
  const found = await find(path).catch(unlessOfSystem);
  if (found === undefined) return { mediaType: "application/octet-stream" };
  const extension = await familyOf(path, found.ext);
  return INPUT_TYPES.get(extension) ?? { mediaType: found.mime, extension: `.${found.ext}` };
}

/** Mostly the beginning tells, which is read at once; the library reads a file in many small pieces. */
async function find(path: string) {
  // Loading the library takes 150 ms, so it is loaded with the first file.
  const { fileTypeFromBuffer, fileTypeFromFile } = await import("file-type");
  const head = headOfFile(path, HEAD_BYTES);
  const found = await fileTypeFromBuffer(head);
  // Whether a PNG is animated is told anywhere before its pixels.
  const isTold = found?.ext !== "png" || head.includes("IDAT");
  return found && isTold ? found : await fileTypeFromFile(path);
}

/** The library fails on some content that it takes for another type. Such content is not recognized. */
function unlessOfSystem(thrown: unknown): undefined {
  if (thrown instanceof Error && "syscall" in thrown) throw thrown;
}

/** Extensions under which the library knows the families of MP4 that its main brand alone tells apart. */
const MP4_FAMILY = new Set(["mp4", "m4v", "m4p", "f4v", "3gp", "3g2"]);

/** A HEIF or MP4 file is told by its other brands and its content too. */
async function familyOf(path: string, extension: string): Promise<string> {
  if (MP4_FAMILY.has(extension)) return "mp4";
  return extension === "heic" && (await isAvif(path)) ? "avif" : extension;
}

const BRANDS_OF_AVIF = /^....ftyp(?:....)+?avi[fs]/s;
/** The entry of an item that is an AV1 picture, ISO/IEC 14496-12 section 8.11.6. */
const AV1_ITEM = /infe.{8}av01/s;

async function isAvif(path: string): Promise<boolean> {
  using file = new FileBytes(path);
  for await (const box of isoBoxes(file, { start: 0, end: file.sizeBytes })) {
    if (box.type !== "ftyp" && box.type !== "meta") continue;
    const bytes = await file.read(box.start, Math.min(box.end - box.start, HEAD_BYTES));
    const text = bytes.toString("latin1");
    if (box.type === "ftyp" ? BRANDS_OF_AVIF.test(text) : AV1_ITEM.test(text)) return true;
    if (box.type === "meta") return false;
  }
  return false;
}

const HEAD_BYTES = 64 * 1024;

/** The supported inputs, by the extension that belongs to the content's signature. */
const INPUT_TYPES: ReadonlyMap<string, SniffedType> = new Map([
  ["jpg", { type: "image", mediaType: "image/jpeg", extension: ".jpg" }],
  ["png", { type: "image", mediaType: "image/png", extension: ".png" }],
  ["webp", { type: "image", mediaType: "image/webp", extension: ".webp" }],
  ["gif", { type: "image", mediaType: "image/gif", extension: ".gif" }],
  ["tif", { type: "image", mediaType: "image/tiff", extension: ".tif" }],
  ["avif", { type: "image", mediaType: "image/avif", extension: ".avif" }],
  ["mp4", { type: "video", mediaType: "video/mp4", extension: ".mp4" }],
  ["mov", { type: "video", mediaType: "video/quicktime", extension: ".mov" }],
  ["mkv", { type: "video", mediaType: "video/x-matroska", extension: ".mkv" }],
  ["webm", { type: "video", mediaType: "video/webm", extension: ".webm" }],
]);
