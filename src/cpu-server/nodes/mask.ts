/** ComfyUI's MASK of one picture: how transparent each pixel is, 255 entirely, rows from the top. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly transparency: Uint8Array;
}

/** What ComfyUI gives for a picture without alpha: nothing is transparent, and the size means nothing. */
export function emptyMask(): Mask {
  return { width: 64, height: 64, transparency: new Uint8Array(64 * 64) };
}

/** Takes the fourth channel of pixels apart from the other three. */
export function splitAlpha(
  rgba: Uint8Array,
  width: number,
  height: number,
): { readonly rgb: Uint8Array; readonly mask: Mask } {
  const count = width * height;
  const rgb = new Uint8Array(count * 3);
  const transparency = new Uint8Array(count);
  for (let pixel = 0; pixel < count; pixel += 1) {
    rgb.set(rgba.subarray(pixel * 4, pixel * 4 + 3), pixel * 3);
    transparency[pixel] = 255 - (rgba[pixel * 4 + 3] ?? 255);
  }
  return { rgb, mask: { width, height, transparency } };
}

/** Puts opacity behind the three channels of pixels. */
export function joinAlpha(rgb: Uint8Array, opacity: Uint8Array): Uint8Array {
  const rgba = new Uint8Array(opacity.length * 4);
  for (let pixel = 0; pixel < opacity.length; pixel += 1) {
    rgba.set(rgb.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
    rgba[pixel * 4 + 3] = opacity[pixel] ?? 255;
  }
  return rgba;
}
