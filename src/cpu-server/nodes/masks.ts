/** ComfyUI's MASK: for each picture of a batch how much of what lies behind it shows through. */
export interface Masks {
  readonly width: number;
  readonly height: number;
  /** One byte for each pixel, 255 where all shows through. At least one mask. */
  readonly masks: readonly Uint8Array[];
}

/** What ComfyUI's LoadImage gives for pictures without alpha. */
export function opaqueMasks(): Masks {
  return { width: 64, height: 64, masks: [new Uint8Array(64 * 64)] };
}

/** Mask from alpha, and alpha from mask. */
export function inverted(values: Uint8Array): Uint8Array {
  return values.map((value) => 255 - value);
}
