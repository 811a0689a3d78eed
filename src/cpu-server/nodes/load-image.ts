import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import sharp from "sharp";
import type { Folders } from "../folders.js";
import type { Json } from "../json.js";
import type { Frame } from "../network/frame.js";
import { PythonError, pythonStr, pythonType } from "../python-text.js";
import { fillHidden } from "./fill-hidden.js";
import { framesOf } from "./frames.js";
import { textInput } from "./input-values.js";
import { listInput } from "./list-input.js";
import { inverted, type Masks, opaqueMasks } from "./masks.js";
import type { NodeClass } from "./node-class.js";

/**
 * ComfyUI's LoadImage: reads a file of `input/`, applies its EXIF rotation and makes a mask of its
 * alpha. One difference: what does not show at all gets the colours beside it.
 */
export function loadImage(folders: Folders): NodeClass {
  return {
    name: "LoadImage",
    displayName: "Load Image",
    category: "image",
    module: "nodes",
    outputs: ["IMAGE", "MASK"],
    isOutputNode: false,
    inputs: async () => {
      const files = listInput(folders, IMAGE_EXTENSIONS);
      return { required: { image: [files, { image_upload: true }] } };
    },
    validate: async ({ image = null }) => {
      if (Array.isArray(image)) return {};
      const path = folders.resolveAnnotated(requireText(image));
      const isThere = path !== undefined && existsSync(path);
      return isThere ? {} : { image: `Invalid image file: ${pythonStr(image)}` };
    },
    fingerprint: async ({ image = null }) => {
      const hash = createHash("sha256");
      await pipeline(createReadStream(pathOf(folders, requireText(image))), hash);
      return hash.digest("hex");
    },
    execute: async (inputs) => {
      const path = pathOf(folders, textInput(inputs, "image"));
      const { frames, masks } = await decode(path);
      return { values: [framesOf(frames), masks] };
    },
  };
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

interface Pictures {
  readonly frames: readonly Frame[];
  readonly masks: Masks;
}

/** One frame for each picture of an animation. */
async function decode(path: string): Promise<Pictures> {
  // Files are overwritten under their names, and a cache would go on giving the old ones.
  sharp.cache(false);
  const metadata = await sharp(path, { animated: true })
    .metadata()
    .catch(() => undefined);
  if (metadata === undefined || !FORMATS.has(metadata.format)) {
    throw new PythonError("PIL.UnidentifiedImageError", `cannot identify image file '${path}'`);
  }
  // As lenient as the check of an input: what is cut off is refused, sloppy files are not.
  const picture = sharp(path, { animated: true, failOn: "error" });
  // An animation has no EXIF rotation, and sharp cannot rotate one.
  if ((metadata.pages ?? 1) === 1) picture.autoOrient();
  const { data, info } = await picture
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((error: Error) => {
      throw new PythonError("OSError", error.message, { cause: error });
    });
  const { width, pageHeight: height = info.height } = info;
  const pages = Array.from({ length: info.height / height }, (_, page) =>
    data.subarray(page * width * height * info.channels),
  );
  if (info.channels === 3) {
    const frames = pages.map((rgb) => ({
      width,
      height,
      rgb: rgb.subarray(0, width * height * 3),
    }));
    return { frames, masks: opaqueMasks() };
  }
  const parted = pages.map((rgba) => part(rgba, width * height));
  for (const { rgb, alpha } of parted) await fillHidden(rgb, alpha, width);
  return {
    frames: parted.map(({ rgb }) => ({ width, height, rgb })),
    masks: { width, height, masks: parted.map(({ alpha }) => inverted(alpha)) },
  };
}

function part(rgba: Uint8Array, pixelCount: number) {
  const [rgb, alpha] = [new Uint8Array(pixelCount * 3), new Uint8Array(pixelCount)];
  for (let pixel = 0; pixel < pixelCount; pixel += 1) {
    rgb[pixel * 3] = rgba[pixel * 4] ?? 0;
    rgb[pixel * 3 + 1] = rgba[pixel * 4 + 1] ?? 0;
    rgb[pixel * 3 + 2] = rgba[pixel * 4 + 2] ?? 0;
    alpha[pixel] = rgba[pixel * 4 + 3] ?? 0;
  }
  return { rgb, alpha };
}

const IMAGE_EXTENSIONS = new Set([
  ...[".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"],
  ...[".tif", ".tiff", ".avif", ".heic", ".svg", ".ico"],
]);

// The picture types that a browser may upload. Sharp reads more, such as SVG, which can contain
// programs.
const FORMATS: ReadonlySet<string> = new Set(["png", "jpeg", "webp", "gif", "tiff", "heif"]);
