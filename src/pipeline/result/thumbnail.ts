/** A small copy of a picture or of a film's frame, for telling what is in it. */
export interface Thumbnail {
  /** {@link THUMBNAIL_EDGE} squared pixels of three bytes, whatever the picture's form. */
  readonly rgb: Uint8Array;
}

/** In pixels. */
export const THUMBNAIL_EDGE = 64;

/** Levels of 255 by which the pixels of one colour may differ: encoders add a little noise. */
const PLAIN_LEVELS = 3;
/** So many levels between the darkest and the lightest are a picture of something. */
const VARIED_LEVELS = 12;

/** Whether a picture is of one colour; black is one. */
export function isPlain(thumbnail: Thumbnail): boolean {
  return rangeOf(thumbnail) <= PLAIN_LEVELS;
}

/** Whether there is something to see in a picture. What is nearly of one colour is neither this nor plain. */
export function isVaried(thumbnail: Thumbnail): boolean {
  return rangeOf(thumbnail) >= VARIED_LEVELS;
}

/** How much two pictures differ: the mean of their pixels' differences, in levels of 255. */
export function difference(a: Thumbnail, b: Thumbnail): number {
  const sum = a.rgb.reduce((total, value, at) => total + Math.abs(value - (b.rgb[at] ?? 0)), 0);
  return sum / a.rgb.length;
}

/** The largest difference between two pixels in one of the three colours. */
function rangeOf({ rgb }: Thumbnail): number {
  const least = [255, 255, 255];
  const most = [0, 0, 0];
  for (const [at, value] of rgb.entries()) {
    const colour = at % 3;
    least[colour] = Math.min(least[colour] ?? value, value);
    most[colour] = Math.max(most[colour] ?? value, value);
  }
  return Math.max(...most.map((value, colour) => value - (least[colour] ?? value)));
}
