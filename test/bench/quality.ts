import { crop, type Frame } from "../../src/cpu-server/network/frame.js";
import { NetworkPool } from "../../src/cpu-server/network/network-pool.js";
import { resizeFrame } from "../../src/cpu-server/network/resize-frame.js";
import { UPSCALE_MODELS, type UpscaleModel } from "../../src/cpu-server/network/upscaler.js";
import { REDUCTIONS, readPhotographs, reduce, withoutRim } from "../support/photographs.js";
import { lumaPsnr, lumaSsim } from "../support/picture-quality.js";
import type { Figure, Subject } from "./figure.js";

const THREAD_COUNT = 2;
const RUN_COUNT = 5;

/**
 * What the built-in networks make of reduced photographs, beside Lanczos, and how long they take.
 * Aligned to the pixel, without the rim, by luma.
 */
export const quality: Subject = {
  name: "quality",
  async measure({ say }) {
    const pool = new NetworkPool(THREAD_COUNT);
    try {
      const figures: Figure[] = [];
      for (const scale of [2, 4]) {
        const model = UPSCALE_MODELS.find((each) => each.scale === scale);
        if (model === undefined) continue;
        say(model.name);
        figures.push(...(await compared(pool, model)), ...(await timed(pool, model)));
      }
      return figures;
    } finally {
      await pool.unload();
    }
  },
};

async function compared(pool: NetworkPool, model: UpscaleModel): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const { name, scale } = model;
  for (const photograph of await readPhotographs()) {
    for (const reduction of REDUCTIONS) {
      const original = withoutRim(photograph.frame);
      const small = await reduce(photograph.frame, scale, reduction);
      const { width, height } = photograph.frame;
      const made = {
        Lanczos: await resizeFrame(small, width, height, "lanczos"),
        [name]: await pool.upscale(small, model, () => undefined),
      };
      const task = `${photograph.name}, ${reduction} reduced, ${scale}x`;
      for (const [method, frame] of Object.entries(made)) {
        const cut = withoutRim(frame);
        const psnr = { what: `${task}: PSNR of ${method}`, value: lumaPsnr(original, cut) };
        const ssim = { what: `${task}: SSIM of ${method}`, value: lumaSsim(original, cut) };
        figures.push({ ...psnr, unit: "dB" }, { ...ssim, unit: "" });
      }
    }
  }
  return figures;
}

/** The fastest of several runs, since other work on the machine only makes them slower. */
async function timed(pool: NetworkPool, model: UpscaleModel): Promise<readonly Figure[]> {
  const frame = crop(await onePhotograph(), 0, 0, 512, 512);
  const megapixels = (frame.width * frame.height) / 1e6;
  const wall: number[] = [];
  const cpu: number[] = [];
  await pool.upscale(frame, model, () => undefined);
  for (let run = 0; run < RUN_COUNT; run += 1) {
    const cpuBefore = process.cpuUsage();
    const startedAtMs = performance.now();
    await pool.upscale(frame, model, () => undefined);
    wall.push((performance.now() - startedAtMs) / 1000 / megapixels);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpu.push((user + system) / 1e6 / megapixels);
  }
  const what = `megapixel of input, ${model.name}, ${THREAD_COUNT} threads`;
  const goal = model.scale === 2 ? { goal: { atMost: 2 } } : {};
  return [
    { what: `wall time per ${what}`, value: Math.min(...wall), unit: "s", ...goal },
    { what: `CPU time per ${what}`, value: Math.min(...cpu), unit: "s" },
  ];
}

async function onePhotograph(): Promise<Frame> {
  const [photograph] = await readPhotographs();
  if (photograph === undefined) throw new Error("There is no photograph to enlarge");
  return photograph.frame;
}
