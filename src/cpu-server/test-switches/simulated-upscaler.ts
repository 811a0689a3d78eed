import { setTimeout as sleep } from "node:timers/promises";
import type { Frame } from "../network/frame.js";
import { resizeFrame } from "../network/resize-frame.js";
import type { UpscaleModel, Upscaler } from "../network/upscaler.js";
import { deepened, isDeep } from "./comfy-films/deep-frame.js";
import type { Switches } from "./switches.js";

/** Wraps the real networks, and replaces them while `simulate` is set. */
export class SimulatedUpscaler implements Upscaler {
  readonly #real: Upscaler;
  readonly #switches: () => Switches;

  constructor(real: Upscaler, switches: () => Switches) {
    this.#real = real;
    this.#switches = switches;
  }

  async load(model: UpscaleModel): Promise<void> {
    const { modelLoadMs, simulate } = this.#switches();
    if (modelLoadMs !== undefined) await sleep(modelLoadMs);
    if (simulate === undefined) await this.#real.load(model);
  }

  async upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame> {
    if (this.#switches().simulate === undefined)
      return await this.#real.upscale(frame, model, onTile);
    await this.#pretend(onTile);
    const { scale } = model;
    const [width, height] = [frame.width * scale, frame.height * scale];
    const enlarged = await resizeFrame(frame, width, height, "nearest-exact");
    return isDeep(frame) ? deepened(frame, enlarged) : enlarged;
  }

  /** Each step looks at the switch anew, so that what runs can be made to end. */
  async #pretend(onTile: (doneCount: number, tileCount: number) => void): Promise<void> {
    for (let step = 1; ; step += 1) {
      const { simulate } = this.#switches();
      if (simulate === undefined || step > simulate.steps) return;
      await sleep(simulate.stepMs);
      if (!simulate.uninterruptible) onTile(step, simulate.steps);
    }
  }

  async unload(): Promise<void> {
    await this.#real.unload();
  }
}
