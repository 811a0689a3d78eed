import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A workflow of films by which borders between chunks are measured. */
export interface SeamWorkflow {
  readonly name: string;
  /** Of which class the node is that makes the frames, with its inputs but the frames, and more nodes. */
  readonly network: object;
  readonly sidecar: string;
}

/** The built-in network, which takes every frame for itself. */
export const PER_FRAME: SeamWorkflow = {
  name: "per_frame",
  network: {
    "3": {
      class_type: "ImageUpscaleWithModel",
      inputs: { upscale_model: ["6", 0], image: ["2", 0] },
    },
    "6": { class_type: "UpscaleModelLoader", inputs: { model_name: "anime4k-cnn-x2" } },
  },
  sidecar: "",
};

/**
 * A network that looks at 5 frames before and 4 after.
 *
 * @param before of its context
 * @param overlap frames of it that fade into each other. @default none
 */
export function withMemory(before: number, after: number, overlap = 0): SeamWorkflow {
  const reach = { before: 5, after: 4 };
  const context = `context: { before: ${before}, after: ${after} }`;
  const join = overlap > 0 ? `, join: crossfade, overlap: ${overlap}` : "";
  return {
    name: `memory_${before}_${after}_${overlap}`,
    network: { "3": { class_type: "TestNeighbourMean", inputs: { image: ["2", 0], ...reach } } },
    sidecar: `frames: { decoded: "2", made: "3", ${context}${join} }\n`,
  };
}

const FILM = {
  "1": { class_type: "LoadVideo", inputs: { file: "in.mp4" } },
  "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
  "4": { class_type: "CreateVideo", inputs: { images: ["3", 0], fps: ["2", 2] } },
  "5": {
    class_type: "SaveVideo",
    inputs: {
      ...{ video: ["4", 0], filename_prefix: "x", format: "mp4", codec: "h264" },
      ...{ "codec.encoding": "re-encode", "codec.encoding.crf": 8 },
    },
  },
};

/** Writes workflows into the directory from which a service reads its own. */
export async function writeWorkflows(
  directory: string,
  workflows: readonly SeamWorkflow[],
): Promise<void> {
  for (const { name, network, sidecar } of workflows) {
    await writeFile(join(directory, `${name}.json`), JSON.stringify({ ...FILM, ...network }));
    await writeFile(join(directory, `${name}.yaml`), sidecar);
  }
}
