import { addDetail } from "./add-detail.js";
import { CONVOLUTIONS } from "./convolutions.js";
import type { Frame } from "./frame.js";
import { LAYER_COUNT, readWeights, type Weights } from "./read-weights.js";
import { TILE_EDGE, TILE_MARGIN } from "./tiles.js";

/** The network, loaded. It doubles width and height. */
export interface Network {
  /**
   * Enlarges the middle of a picture that is at most a tile with its margins: all but a margin of
   * `TILE_MARGIN` on each side, which only the surroundings of the middle depend on. The thread is
   * blocked while it computes.
   */
  double(context: Frame): Frame;
}

/**
 * Loads the network into memory of its own (4 MB). It computes what a bicubic enlargement lacks:
 * seven 3x3 convolutions in a row, of 8 channels each, and from the features of all of them, by a
 * 1x1 convolution, red, green and blue of the four pixels that each pixel becomes.
 */
export async function loadNetwork(): Promise<Network> {
  const weights = await readWeights();
  const memory = new WebAssembly.Memory({ initial: PAGE_COUNT });
  const program = await WebAssembly.instantiate(Buffer.from(CONVOLUTIONS, "base64"), {
    host: { memory },
  });
  const layout = layOut(memory, weights);
  const run = program.instance.exports as Program;
  return {
    double: (context) => {
      fill(layout, context);
      compute(run, layout, context);
      return addDetail(context, TILE_MARGIN, { sums: layout.sums.values, stride: ROW_PIXELS });
    },
  };
}

/** The functions of `convolutions.wat`. */
interface Program {
  convolve(
    source: number,
    target: number,
    weights: number,
    pixelBytes: number,
    rowBytes: number,
    count: number,
  ): void;
  gather(features: number, sums: number, weights: number, count: number): void;
}

/** A part of the memory. */
interface Region {
  /** In bytes. */
  readonly address: number;
  readonly values: Float32Array;
}

interface Layout {
  readonly layers: readonly Region[];
  readonly gathers: readonly Region[];
  readonly bias: Float32Array;
  /** Red, green, blue and nothing of each pixel. */
  readonly pixels: Region;
  /** The features of one layer are read while those of the next are written. */
  readonly features: readonly [Region, Region];
  /** The detail of each pixel. */
  readonly sums: Region;
}

const CONTEXT_EDGE = TILE_EDGE + 2 * TILE_MARGIN;
/** Room at the end of a row, because convolutions take four pixels at a time. */
const ROW_PIXELS = CONTEXT_EDGE + 4;
const PIXEL_COUNT = CONTEXT_EDGE * ROW_PIXELS;
const PIXEL_CHANNELS = 4;
const FEATURE_COUNT = 16;
const SUM_COUNT = 12;
const FLOAT_BYTES = 4;
const FEATURE_BYTES = FEATURE_COUNT * FLOAT_BYTES;
const WEIGHTS_BYTES = 64 * 1024;
const PAGE_COUNT = Math.ceil(
  (WEIGHTS_BYTES + PIXEL_COUNT * (PIXEL_CHANNELS + 2 * FEATURE_COUNT + SUM_COUNT) * FLOAT_BYTES) /
    (64 * 1024),
);

function layOut({ buffer }: WebAssembly.Memory, { layers, gathers, bias }: Weights): Layout {
  let end = 0;
  const region = (length: number): Region => {
    const address = end;
    end += length * FLOAT_BYTES;
    return { address, values: new Float32Array(buffer, address, length) };
  };
  const stored = (values: Float32Array): Region => {
    const place = region(values.length);
    place.values.set(values);
    return place;
  };
  return {
    layers: layers.map(stored),
    gathers: gathers.map(stored),
    bias,
    pixels: region(PIXEL_COUNT * PIXEL_CHANNELS),
    features: [region(PIXEL_COUNT * FEATURE_COUNT), region(PIXEL_COUNT * FEATURE_COUNT)],
    sums: region(PIXEL_COUNT * SUM_COUNT),
  };
}

function fill({ pixels }: Layout, { width, height, rgb }: Frame): void {
  for (let y = 0; y < height; y += 1) {
    let from = y * width * 3;
    let to = y * ROW_PIXELS * PIXEL_CHANNELS;
    for (let x = 0; x < width; x += 1) {
      pixels.values[to] = (rgb[from] ?? 0) / 255;
      pixels.values[to + 1] = (rgb[from + 1] ?? 0) / 255;
      pixels.values[to + 2] = (rgb[from + 2] ?? 0) / 255;
      from += 3;
      to += PIXEL_CHANNELS;
    }
  }
}

/** Each layer covers one pixel less on each side, so that it never reads what is not there. */
function compute(run: Program, layout: Layout, { width, height }: Frame): void {
  const { layers, gathers, bias, pixels, features, sums } = layout;
  const middle = { left: TILE_MARGIN, width: width - 2 * TILE_MARGIN };
  for (let y = TILE_MARGIN; y < height - TILE_MARGIN; y += 1)
    for (let x = middle.left; x < middle.left + middle.width; x += 1)
      sums.values.set(bias, (y * ROW_PIXELS + x) * SUM_COUNT);
  let source = { address: pixels.address, pixelBytes: PIXEL_CHANNELS * FLOAT_BYTES };
  for (let layer = 0; layer < LAYER_COUNT; layer += 1) {
    const target = features[layer % 2 === 0 ? 0 : 1].address;
    const edge = layer + 1;
    const { pixelBytes } = source;
    for (let y = edge; y < height - edge; y += 1) {
      run.convolve(
        source.address + ((y - 1) * ROW_PIXELS + edge - 1) * pixelBytes,
        target + (y * ROW_PIXELS + edge) * FEATURE_BYTES,
        layers[layer]?.address ?? 0,
        pixelBytes,
        ROW_PIXELS * pixelBytes,
        width - 2 * edge,
      );
    }
    for (let y = TILE_MARGIN; y < height - TILE_MARGIN; y += 1) {
      const place = y * ROW_PIXELS + middle.left;
      run.gather(
        target + place * FEATURE_BYTES,
        sums.address + place * SUM_COUNT * FLOAT_BYTES,
        gathers[layer]?.address ?? 0,
        middle.width,
      );
    }
    source = { address: target, pixelBytes: FEATURE_BYTES };
  }
}

/** What is used of WebAssembly here. Its types come with those of browsers alone. */
declare namespace WebAssembly {
  class Memory {
    constructor(size: { readonly initial: number });
    readonly buffer: ArrayBuffer;
  }

  /** Compiles a program and links it with what it imports. */
  function instantiate(
    program: Uint8Array,
    imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>,
  ): Promise<{ readonly instance: { readonly exports: object } }>;
}
