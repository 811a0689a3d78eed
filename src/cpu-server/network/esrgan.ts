import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Frame } from "./frame.js";

/** A loaded network. */
export interface Network {
  readonly scale: number;
  /** Enlarges a tile. The thread is blocked while it computes. */
  upscale(tile: Frame): Frame;
  dispose(): void;
}

/**
 * Loads an ESRGAN network (`@upscalerjs/esrgan-slim`) on TensorFlow.js's WebAssembly backend. Only
 * this file knows TensorFlow.js, whose last release is 4.22.0 of 2024.
 *
 * @param scale 2, 3 or 4.
 */
export async function loadNetwork(scale: number): Promise<Network> {
  const tf = await import("@tensorflow/tfjs-core");
  const layers = await import("@tensorflow/tfjs-layers");
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const require = createRequire(import.meta.url);
  if (tf.getBackend() !== "wasm") {
    // The files are read from the package. By default the backend would fetch them from a server.
    wasm.setWasmPaths(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + sep);
    await tf.setBackend("wasm");
  }
  const model = await layers.loadLayersModel({ load: () => readModel(require, scale) });
  return {
    scale,
    upscale: (tile) => {
      const output = tf.tidy(() => {
        const shape: [number, number, number, number] = [1, tile.height, tile.width, 3];
        return predict(model, tf.tensor4d(toUnit(tile.rgb), shape));
      });
      const rgb = toBytes(output.dataSync());
      output.dispose();
      return { width: tile.width * scale, height: tile.height * scale, rgb };
    },
    dispose: () => model.dispose(),
  };
}

type Input = Parameters<LayersModel["predict"]>[0];

function predict(model: LayersModel, input: Input) {
  const output = model.predict(input);
  if (!Array.isArray(output)) return output;
  throw new Error("Cannot use the network: it has more than one output");
}

async function readModel(require: NodeJS.Require, scale: number) {
  const dir = join(packageDir(require, "@upscalerjs/esrgan-slim"), "models", `x${scale}`);
  const { modelTopology, weightsManifest } = JSON.parse(
    await readFile(join(dir, "model.json"), "utf8"),
  ) as ModelFile;
  const files = weightsManifest.flatMap(({ paths }) => paths);
  const weights = Buffer.concat(await Promise.all(files.map((file) => readFile(join(dir, file)))));
  return {
    modelTopology,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: new Uint8Array(weights).buffer,
  };
}

/**
 * A Keras model as TensorFlow.js stores it. The package's version is pinned, so the shape is known.
 */
interface ModelFile {
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: WeightSpec[];
  }[];
}

interface WeightSpec {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: "float32";
}

/** The package does not export paths to its models, so its directory is found from its entry. */
function packageDir(require: NodeJS.Require, name: string): string {
  const entry = require.resolve(name);
  const part = join("node_modules", name) + sep;
  return entry.slice(0, entry.lastIndexOf(part) + part.length);
}

function toUnit(bytes: Uint8Array): Float32Array {
  return Float32Array.from(bytes, (byte) => byte / 255);
}

function toBytes(units: ArrayLike<number>): Uint8Array {
  // The conversion clamps and rounds.
  return new Uint8Array(Uint8ClampedArray.from(units, (unit) => unit * 255).buffer);
}
