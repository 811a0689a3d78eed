import type { Frame } from "./frame.js";
import type { UpscaleModel, Upscaler } from "./upscaler.js";

/** Keeps the last loaded model, and counts the loads. */
export class OneModelUpscaler implements Upscaler {
  readonly #upscaler: Upscaler;
  #loaded: string | undefined;
  #loadCount = 0;

  constructor(upscaler: Upscaler) {
    this.#upscaler = upscaler;
  }

  /** How many loads have begun. */
  get loadCount(): number {
    return this.#loadCount;
  }

  async load(model: UpscaleModel): Promise<void> {
    if (this.#loaded === model.name) return;
    this.#loadCount += 1;
    this.#loaded = undefined;
    await this.#upscaler.load(model);
    this.#loaded = model.name;
  }

  async upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame> {
    await this.load(model);
    return await this.#upscaler.upscale(frame, model, onTile);
  }

  async unload(): Promise<void> {
    this.#loaded = undefined;
    await this.#upscaler.unload();
  }
}
