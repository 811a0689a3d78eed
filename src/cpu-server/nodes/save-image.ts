import { randomInt } from "node:crypto";
import sharp from "sharp";
import type { Folders, FolderType } from "../folders.js";
import { checkSize, type Frame } from "../network/frame.js";
import type { Frames } from "./frames.js";
import { framesInput, textInput } from "./input-values.js";
import { joinAlpha } from "./mask.js";
import type { NodeClass, NodeResult } from "./node-class.js";
import { findPlace, placeFile, type SavedFile } from "./output-file.js";

/**
 * ComfyUI's SaveImage: writes PNG files `PREFIX_00001_.png` to `output/`, without the graph inside
 * (as ComfyUI's `--disable-metadata` does).
 */
export function saveImage(folders: Folders): NodeClass {
  return {
    ...COMMON,
    name: "SaveImage",
    displayName: "Save Image",
    description: "Saves pictures as PNG files in the output folder.",
    inputs: async () => ({
      required: { images: ["IMAGE", {}], filename_prefix: ["STRING", { default: "ComfyUI" }] },
      hidden: HIDDEN,
    }),
    execute: async (inputs) => {
      const frames = framesInput(inputs, "images");
      return await save(folders, "output", textInput(inputs, "filename_prefix"), frames);
    },
  };
}

/** ComfyUI's PreviewImage: writes the same files to `temp/`, with a random name. */
export function previewImage(folders: Folders): NodeClass {
  const suffix = Array.from({ length: 5 }, () => String.fromCharCode(randomInt(97, 123))).join("");
  return {
    ...COMMON,
    name: "PreviewImage",
    displayName: "Preview Image",
    description: "Saves pictures in the temp folder, which is emptied at the next start.",
    inputs: async () => ({ required: { images: ["IMAGE", {}] }, hidden: HIDDEN }),
    execute: async (inputs) =>
      await save(folders, "temp", `ComfyUI_temp_${suffix}`, framesInput(inputs, "images")),
  };
}

const COMMON = { category: "image", module: "nodes", outputs: [], isOutputNode: true } as const;
const HIDDEN = { prompt: "PROMPT", extra_pnginfo: "EXTRA_PNGINFO" };

async function save(
  folders: Folders,
  type: FolderType,
  prefix: string,
  frames: Frames,
): Promise<NodeResult> {
  const place = await findPlace(folders, type, prefix, frames);
  const images: SavedFile[] = [];
  let index = 0;
  for await (const frame of frames) {
    const file = place.file(index, "png");
    await placeFile(folders, file.path, (part) => write(frame, part));
    images.push(file.saved);
    index += 1;
  }
  return { values: [], ui: { images: images.map((image) => ({ ...image })) } };
}

async function write({ width, height, rgb, alpha }: Frame, path: string): Promise<void> {
  checkSize(width, height);
  const channels = alpha === undefined ? 3 : 4;
  const pixels = alpha === undefined ? rgb : joinAlpha(rgb, alpha);
  await sharp(pixels, { raw: { width, height, channels } })
    .png({ compressionLevel: 4 })
    .toFile(path);
}
