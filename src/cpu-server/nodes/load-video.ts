import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Folders } from "../folders.js";
import type { Json } from "../json.js";
import { PythonError, pythonStr } from "../python-text.js";
import type { Video } from "../video/video.js";
import { textInput } from "./input-values.js";
import { listInput } from "./list-input.js";
import type { NodeClass } from "./node-class.js";

/**
 * ComfyUI's LoadVideo: opens a file of `input/`. Frames are decoded when they are read. They are
 * not rotated; the rotation is kept in addition to them.
 */
export function loadVideo(folders: Folders, open: (path: string) => Promise<Video>): NodeClass {
  return {
    name: "LoadVideo",
    displayName: "Load Video",
    category: "image/video",
    module: "comfy_extras.nodes_video",
    outputs: ["VIDEO"],
    isOutputNode: false,
    inputs: async () => {
      const options = listInput(folders, VIDEO_EXTENSIONS);
      return { required: { file: ["COMBO", { multiselect: false, options, video_upload: true }] } };
    },
    validate: async ({ file = null }) => {
      if (Array.isArray(file)) return {};
      const path = pathOf(folders, file);
      const isThere = path !== undefined && existsSync(path);
      return isThere ? {} : { file: `Invalid video file: ${pythonStr(file)}` };
    },
    // Like ComfyUI itself, it uses only the file's time, because hashing a video for every prompt
    // would take too long.
    fingerprint: async ({ file = null }) => {
      const { mtimeMs, size } = await stat(pathOf(folders, file) ?? "");
      return [mtimeMs, size];
    },
    execute: async (inputs) => {
      const name = textInput(inputs, "file");
      const path = pathOf(folders, name);
      if (path !== undefined) return { values: [await open(path)] };
      throw new PythonError("FileNotFoundError", `No such file or directory: '${name}'`);
    },
  };
}

function pathOf(folders: Folders, name: Json): string | undefined {
  return typeof name === "string" ? folders.resolveAnnotated(name) : undefined;
}

const VIDEO_EXTENSIONS = new Set([".mp4", ".m4v", ".mov", ".webm", ".mkv"]);
