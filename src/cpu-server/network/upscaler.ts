import type { Frame } from "./frame.js";

/** An upscale model as clients name it. */
export interface UpscaleModel {
  readonly name: string;
  /** How many times larger its output is. */
  readonly scale: number;
}

/** The models, as the loader's combo and `GET /models/upscale_models` list them. */
export const UPSCALE_MODELS: readonly UpscaleModel[] = [
  { name: "esrgan-slim-x2", scale: 2 },
  { name: "esrgan-slim-x3", scale: 3 },
  { name: "esrgan-slim-x4", scale: 4 },
];

/** Enlarges pictures with a network. One call at a time. */
export interface Upscaler {
  /** Makes the model ready; the one before it is dropped. */
  load(model: UpscaleModel): Promise<void>;

  /**
   * Enlarges one frame.
   *
   * @param onTile called after each tile with how many are done; what it throws ends the work.
   */
  upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame>;

  /** Frees all memory that models hold. */
  unload(): Promise<void>;
}
