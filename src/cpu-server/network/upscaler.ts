import type { Frame } from "./frame.js";

/** An upscale model under the name that clients use. */
export interface UpscaleModel {
  readonly name: string;
  /** The factor between its input and its output. */
  readonly scale: number;
}

/** The models, as the loader's combo and `GET /models/upscale_models` list them. */
export const UPSCALE_MODELS: readonly UpscaleModel[] = [
  { name: "esrgan-slim-x2", scale: 2 },
  { name: "esrgan-slim-x3", scale: 3 },
  { name: "esrgan-slim-x4", scale: 4 },
];

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
