import type { Frame } from "./frame.js";

/** An upscale model under the name that clients use. */
export interface UpscaleModel {
  readonly name: string;
  /** The factor between its input and its output. */
  readonly scale: number;
}

/** The models of this server. */
export const UPSCALE_MODELS: readonly UpscaleModel[] = [
  { name: "anime4k-cnn-x2", scale: 2 },
  { name: "anime4k-cnn-x3", scale: 3 },
  { name: "anime4k-cnn-x4", scale: 4 },
];

/** Names of networks that the server once had. Stored tasks and workflows of clients carry them. */
const FORMER_NAMES = new Map([
  ["esrgan-slim-x2", "anime4k-cnn-x2"],
  ["esrgan-slim-x3", "anime4k-cnn-x3"],
  ["esrgan-slim-x4", "anime4k-cnn-x4"],
]);

/** Every name of a model, as the loader's combo and `GET /models/upscale_models` list them. */
export const MODEL_NAMES: readonly string[] = [
  ...UPSCALE_MODELS.map(({ name }) => name),
  ...FORMER_NAMES.keys(),
];

/** The model of a name, a former one included. */
export function findModel(name: string): UpscaleModel | undefined {
  const today = FORMER_NAMES.get(name) ?? name;
  return UPSCALE_MODELS.find((model) => model.name === today);
}

/** Enlarges pictures with a network. It takes one call at a time. */
export interface Upscaler {
  /** Loads a model. The previous model is dropped. */
  load(model: UpscaleModel): Promise<void>;

  /**
   * Enlarges one frame.
   *
   * @param onTile called after each tile with the number of finished tiles; if it throws, the work
   *   ends.
   */
  upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame>;

  /** Frees all memory of models. */
  unload(): Promise<void>;
}
