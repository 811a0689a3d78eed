import { randomInt, randomUUID } from "node:crypto";
import { mkdir, readdir, rename } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import sharp from "sharp";
import type { Folders, FolderType } from "../folders.js";
import { checkSize, type Frame } from "../network/frame.js";
import { PythonError } from "../python-text.js";
import { framesInput, textInput } from "./input-values.js";
import type { NodeClass, NodeResult } from "./node-class.js";

/**
 * ComfyUI's SaveImage: PNG files `PREFIX_00001_.png` in `output/`, without the graph inside (as with
 * ComfyUI's `--disable-metadata`).
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

/** ComfyUI's PreviewImage: the same in `temp/`, under a random name. */
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
  frames: readonly Frame[],
): Promise<NodeResult> {
  const first = frames[0];
  const expanded = normalize(expand(prefix, first?.width ?? 0, first?.height ?? 0));
  const subfolder = dirname(expanded) === "." ? "" : dirname(expanded);
  const dir = folders.resolve(type, subfolder);
  if (dir === undefined) {
    const message = "**** ERROR: Saving image outside the output folder is not allowed.";
    throw new PythonError("Exception", message);
  }
  await mkdir(dir, { recursive: true });
  const name = basename(expanded);
  const counter = await nextCounter(dir, name);
  const images: { filename: string; subfolder: string; type: string }[] = [];
  for (const [index, frame] of frames.entries()) {
    const number = String(counter + index).padStart(5, "0");
    const filename = `${name.replaceAll("%batch_num%", String(index))}_${number}_.png`;
    await write(frame, folders, join(dir, filename));
    images.push({ filename, subfolder, type });
  }
  return { values: [], ui: { images } };
}

/** The server's own variables; `%date:...%` is the web page's and stays as it is. */
function expand(prefix: string, width: number, height: number): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  return prefix
    .replaceAll("%width%", String(width))
    .replaceAll("%height%", String(height))
    .replaceAll("%year%", String(now.getFullYear()))
    .replaceAll("%month%", two(now.getMonth() + 1))
    .replaceAll("%day%", two(now.getDate()))
    .replaceAll("%hour%", two(now.getHours()))
    .replaceAll("%minute%", two(now.getMinutes()))
    .replaceAll("%second%", two(now.getSeconds()));
}

async function nextCounter(dir: string, name: string): Promise<number> {
  const taken = (await readdir(dir)).map((file) => {
    const isOurs = file.startsWith(`${name}_`);
    const digits = isOurs ? /^\d+/.exec(file.slice(name.length + 1)) : null;
    return digits === null ? 0 : Number(digits[0]);
  });
  return taken.reduce((most, number) => Math.max(most, number), 0) + 1;
}

/** Under its own name only once it is whole: what a crash leaves half written is in `temp/`. */
async function write({ width, height, rgb }: Frame, folders: Folders, path: string): Promise<void> {
  checkSize(width, height);
  const part = join(folders.path("temp"), `${randomUUID()}.part`);
  await sharp(rgb, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 4 })
    .toFile(part);
  await rename(part, path);
}
