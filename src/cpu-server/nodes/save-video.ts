import type { Folders } from "../folders.js";
import { PythonError } from "../python-text.js";
import type { Video } from "../video/video.js";
import type { VideoWriter } from "../video/write-video.js";
import { textInput, videoInput } from "./input-values.js";
import type { NodeClass, ResolvedInputs } from "./node-class.js";
import { findPlace, placeFile } from "./output-file.js";

/**
 * ComfyUI's SaveVideo: H.264 in `PREFIX_00001_.mp4` in `output/`, without the graph inside. Progress
 * and interrupts at every frame. `codec.encoding.crf`, which 0.3.64 does not list, is taken as later
 * versions do.
 */
export function saveVideo(folders: Folders, write: VideoWriter): NodeClass {
  return {
    name: "SaveVideo",
    displayName: "Save Video",
    category: "image/video",
    module: "comfy_extras.nodes_video",
    outputs: [],
    isOutputNode: true,
    inputs: async () => ({
      required: {
        video: ["VIDEO", {}],
        filename_prefix: ["STRING", { default: "video/ComfyUI" }],
        format: ["COMBO", { multiselect: false, options: ["auto", "mp4"], default: "auto" }],
        codec: ["COMBO", { multiselect: false, options: ["auto", "h264"], default: "auto" }],
      },
      hidden: { prompt: "PROMPT", extra_pnginfo: "EXTRA_PNGINFO" },
    }),
    execute: async (inputs, { progress }) => {
      const video = videoInput(inputs, "video");
      requireChoice("format", textInput(inputs, "format"), ["auto", "mp4"]);
      requireChoice("codec", textInput(inputs, "codec"), ["auto", "h264"]);
      checkEven(video);
      const prefix = textInput(inputs, "filename_prefix");
      const { path, saved } = (await findPlace(folders, "output", prefix, video.frames)).file(
        0,
        "mp4",
      );
      const { count } = video.frames;
      const quantizer = quantizerOf(inputs);
      await placeFile(folders, path, (part) =>
        write(part, video, quantizer, (done) => progress(done, Math.max(count, done))),
      );
      return { values: [], ui: { images: [{ ...saved }], animated: [true] } };
    },
  };
}

/** What the encoding may lose: that of a crf, roughly. */
function quantizerOf(inputs: ResolvedInputs): number {
  const { "codec.encoding": encoding, "codec.encoding.crf": crf } = inputs;
  if (encoding !== "re-encode" || typeof crf !== "number") return DEFAULT_QUANTIZER;
  return Math.min(MAX_QUANTIZER, Math.max(0, Math.round(crf)));
}

/** Of x264, for no loss that an eye sees. */
const DEFAULT_QUANTIZER = 18;
const MAX_QUANTIZER = 51;

/** Combos of the newer form are not checked before a prompt runs. */
function requireChoice(name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new PythonError("ValueError", `'${value}' is not a valid ${name}`);
}

/** H.264 stores one colour for each square of four pixels. */
function checkEven({ frames: { width, height } }: Video): void {
  if (width % 2 === 0 && height % 2 === 0) return;
  const message = `Cannot encode H.264 of ${width}x${height}: width and height have to be even`;
  throw new PythonError("av.error.ExternalError", message);
}
