import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import sharp from "sharp";
import type { Folders } from "../folders.js";
import type { Json } from "../json.js";
import type { Frame } from "../network/frame.js";
import { PythonError, pythonStr, pythonType } from "../python-text.js";
import { framesOf } from "./frames.js";
import { textInput } from "./input-values.js";
import { emptyMask, type Mask, splitAlpha } from "./mask.js";
import type { NodeClass } from "./node-class.js";

/** ComfyUI's LoadImage: reads a file of `input/`, applies its EXIF rotation and makes a mask of its alpha. */
export function loadImage(folders: Folders): NodeClass {
  return {
    name: "LoadImage",
    displayName: "Load Image",
    category: "image",
    module: "nodes",
    outputs: ["IMAGE", "MASK"],
    isOutputNode: false,
    inputs: async () => {
      const files = await listImages(folders);
      return { required: { image: [files, { image_upload: true }] } };
    },
    validate: async ({ image = null }) => {
      if (Array.isArray(image)) return {};
      const path = folders.resolveAnnotated(requireText(image));
      const isThere = path !== undefined && existsSync(path);
      return isThere ? {} : { image: `Invalid image file: ${pythonStr(image)}` };
    },
    fingerprint: async ({ image = null }) => {
      const content = await readFile(pathOf(folders, requireText(image)));
      return createHash("sha256").update(content).digest("hex");
    },
    execute: async (inputs) => {
      const path = pathOf(folders, textInput(inputs, "image"));
      const { frames, mask } = await decode(path, await readFile(path));
      return { values: [framesOf(frames), mask] };
    },
  };
}

async function listImages(folders: Folders): Promise<string[]> {
  const entries = await readdir(folders.path("input"), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase()))
    .map(({ name }) => name)
    .sort();
}

function requireText(value: Json): string {
  if (typeof value === "string") return value;
  const message = `'${pythonType(value)}' object has no attribute 'endswith'`;
  throw new PythonError("AttributeError", message);
}

function pathOf(folders: Folders, name: string): string {
  const path = folders.resolveAnnotated(name);
  if (path !== undefined) return path;
  throw new PythonError("FileNotFoundError", `No such file or directory: '${name}'`);
}

/** A picture as nodes take it. */
interface Picture {
  readonly frames: readonly Frame[];
  readonly mask: Mask;
}

/** One frame for each picture of an animation, whose alpha is dropped. */
async function decode(path: string, content: Buffer): Promise<Picture> {
  const unknown = { format: undefined, pages: 1, hasAlpha: false };
  const {
    format,
    pages = 1,
    hasAlpha,
  } = await sharp(content, { animated: true })
    .metadata()
    .catch(() => unknown);
  if (format === undefined || !FORMATS.has(format)) {
    throw new PythonError("PIL.UnidentifiedImageError", `cannot identify image file '${path}'`);
  }
  const picture = sharp(content, { animated: true });
  // An animation has no EXIF rotation, and sharp cannot rotate one.
  if (pages === 1) picture.autoOrient();
  const isSplit = hasAlpha && pages === 1;
  const { data, info } = await (isSplit ? picture.ensureAlpha() : picture.removeAlpha())
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((error: Error) => {
      throw new PythonError("OSError", error.message, { cause: error });
    });
  const { width } = info;
  if (isSplit) {
    const { rgb, mask } = splitAlpha(data, width, info.height);
    return { frames: [{ width, height: info.height, rgb }], mask };
  }
  const height = info.pageHeight ?? info.height;
  const frames = Array.from({ length: info.height / height }, (_, page) => {
    const frameBytes = width * height * 3;
    const rgb = data.subarray(page * frameBytes, (page + 1) * frameBytes);
    return { width, height, rgb };
  });
  return { frames, mask: emptyMask() };
}

const IMAGE_EXTENSIONS = new Set([
  ...[".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"],
  ...[".tif", ".tiff", ".avif", ".heic", ".svg", ".ico"],
]);

// The picture types that a browser may upload. Sharp reads more, such as SVG, which can contain
// programs.
const FORMATS: ReadonlySet<string> = new Set(["png", "jpeg", "webp", "gif", "tiff", "heif"]);
