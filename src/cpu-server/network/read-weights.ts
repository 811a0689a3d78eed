import { readFile } from "node:fs/promises";
import { findWeights } from "./find-weights.js";

/** The numbers of the network, in the order that `convolutions.wat` reads them. */
export interface Weights {
  /** For each layer: 8 biases, then 8 weights for each channel of each of its nine neighbours. */
  readonly layers: readonly Float32Array[];
  /** 12 weights for each of the 16 features of each layer. */
  readonly gathers: readonly Float32Array[];
  /** The 12 biases of the sums. */
  readonly bias: Float32Array;
}

/** How many 3x3 convolutions the network has, one after the other. */
export const LAYER_COUNT = 7;

/**
 * Reads the weights.
 *
 * @throws Error that says what to install if their package is not there.
 */
export async function readWeights(): Promise<Weights> {
  const { layers } = JSON.parse(await readFile(findWeights(), "utf8")) as WeightsFile;
  const part = (name: string): Part => {
    const found = layers[name];
    if (found === undefined) throw new Error(`Cannot read the network: it has no "${name}"`);
    return found;
  };
  const colours = ["conv2d_last_tf", "conv2d_last_tf1", "conv2d_last_tf2"].map(part);
  return {
    layers: Array.from({ length: LAYER_COUNT }, (_, index) => {
      const name = index === 0 ? "conv2d_tf" : `conv2d_${index}_tf`;
      return layerWeights([part(name), part(`${name}1`)]);
    }),
    gathers: Array.from({ length: LAYER_COUNT }, (_, index) => gatherWeights(colours, index)),
    bias: Float32Array.from(colours.flatMap(({ bias }) => bias)),
  };
}

/** As the package stores it. The package's version is pinned, so the shape is known. */
interface WeightsFile {
  readonly layers: Readonly<Record<string, Part>>;
}

/** Four output channels. */
interface Part {
  /** Matrices of 4x4, column by column: four outputs for each of four inputs. */
  readonly weights: readonly number[];
  readonly bias: readonly number[];
}

/** The stored matrices of a 3x3 convolution: for each four channels nine, the columns of neighbours first. */
function layerWeights(halves: readonly Part[]): Float32Array {
  const bias = halves.flatMap((half) => half.bias);
  const channelCount = (halves[0]?.weights.length ?? 0) / (4 * NEIGHBOURS.length);
  const weights = NEIGHBOURS.flatMap(({ x, y }) =>
    Array.from({ length: channelCount }, (_, channel) => {
      const matrix = Math.floor(channel / 4) * NEIGHBOURS.length + x * 3 + y;
      return halves.flatMap((half) => column(half, matrix, channel % 4));
    }).flat(),
  );
  return Float32Array.from([...bias, ...weights]);
}

/** In the order of a picture: row by row. */
const NEIGHBOURS = [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => ({ x, y })));

/** The 1x1 convolution has four matrices for the 16 features of each layer. */
function gatherWeights(colours: readonly Part[], layer: number): Float32Array {
  const features = Array.from({ length: 16 }, (_, feature) =>
    colours.flatMap((part) => column(part, layer * 4 + Math.floor(feature / 4), feature % 4)),
  );
  return Float32Array.from(features.flat());
}

function column({ weights }: Part, matrix: number, index: number): readonly number[] {
  const start = matrix * 16 + index * 4;
  return weights.slice(start, start + 4);
}
