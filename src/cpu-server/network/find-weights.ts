import { createRequire } from "node:module";

/** The package that only the CPU server needs. An installation for GPU servers may leave it out. */
const WEIGHTS_PACKAGE = "@websr/websr@0.0.15";

/**
 * Finds the file with the weights of Anime4K's network `CNN x2 VL` (MIT licence). Of the package's
 * code nothing is used: it computes on graphics cards, and in browsers alone.
 *
 * @throws Error that says what to install if the package is not there.
 */
export function findWeights(): string {
  try {
    return createRequire(import.meta.url).resolve("@websr/websr/weights/anime4k/cnn-2x-l-an.json");
  } catch (cause) {
    throw new Error(
      `The built-in CPU server's package is not installed: run "npm install ${WEIGHTS_PACKAGE}", or name ComfyUI servers in COMFYUI_SERVERS`,
      { cause },
    );
  }
}
