import type { TaskType } from "../../domain/task.js";

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
  // Loading the library takes 150 ms, so it is loaded with the first file.
  const { fileTypeFromFile } = await import("file-type");
  const found = await fileTypeFromFile(path);
  if (found === undefined) return { mediaType: "application/octet-stream" };
  return INPUT_TYPES.get(found.ext) ?? { mediaType: found.mime, extension: `.${found.ext}` };
}

/** The supported inputs, by the extension that belongs to the content's signature. */
const INPUT_TYPES: ReadonlyMap<string, SniffedType> = new Map([
  ["jpg", { type: "image", mediaType: "image/jpeg", extension: ".jpg" }],
  ["png", { type: "image", mediaType: "image/png", extension: ".png" }],
  ["webp", { type: "image", mediaType: "image/webp", extension: ".webp" }],
  ["gif", { type: "image", mediaType: "image/gif", extension: ".gif" }],
  ["tif", { type: "image", mediaType: "image/tiff", extension: ".tif" }],
  ["avif", { type: "image", mediaType: "image/avif", extension: ".avif" }],
  ["mp4", { type: "video", mediaType: "video/mp4", extension: ".mp4" }],
  ["m4v", { type: "video", mediaType: "video/mp4", extension: ".mp4" }],
  ["mov", { type: "video", mediaType: "video/quicktime", extension: ".mov" }],
  ["mkv", { type: "video", mediaType: "video/x-matroska", extension: ".mkv" }],
  ["webm", { type: "video", mediaType: "video/webm", extension: ".webm" }],
]);
