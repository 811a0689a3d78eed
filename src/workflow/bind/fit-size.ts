import type { InputFacts } from "../../domain/task.js";
import type { Fit } from "../workflow.js";

/** Bounds of a size, in pixels. */
export interface EdgeBounds {
  /** What the shortest edge is brought to; undefined: pictures are only made smaller. */
  readonly shortest: number | undefined;
  /** What the longest edge may have; undefined or 0: no limit. */
  readonly longest: number | undefined;
}

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** No node of ComfyUI takes a longer edge. */
const MAX_EDGE = 16384;

/** The size that a picture is scaled to; undefined where it has that size when it comes to the node. */
export function fitSize(
  fit: Pick<Fit, "scale" | "multiple" | "upright">,
  input: InputFacts,
  { shortest, longest }: EdgeBounds,
): Size | undefined {
  const { width, height } = fit.upright ? input : storedSize(input);
  const come = { width: width * fit.scale, height: height * fit.scale };
  const wanted = shortest === undefined ? 1 : shortest / Math.min(come.width, come.height);
  const edge = longest ? Math.min(MAX_EDGE, 2 * Math.floor(longest / 2)) : MAX_EDGE;
  const ratio = Math.min(wanted, edge / Math.max(come.width, come.height));
  const round = fit.multiple === undefined ? toEven : upTo(fit.multiple);
  const size: Size = { width: round(come.width * ratio), height: round(come.height * ratio) };
  return size.width === come.width && size.height === come.height ? undefined : size;
}

/**
 * How many pairs of pixels, or parts of `multiple`, the longest edge of a frame gets, so that the other edge in
 * proportion gets enough of them: as many as `multiple` asks for, and never none.
 */
export function longestParts({ multiple }: Fit, input: InputFacts, size: Size): number {
  const ratio = Math.min(input.width, input.height) / Math.max(input.width, input.height);
  const least = multiple === undefined ? 1 : Math.min(size.width, size.height) / multiple;
  let count = Math.max(size.width, size.height) / (multiple ?? 2);
  // ComfyUI rounds what lies between two numbers to the even one.
  while (Math.ceil(count * ratio - 0.5) < least) count += 1;
  return count;
}

/** Whether a film's frames, as stored, lie on their side. */
export function isTurned({ rotationDegrees }: InputFacts): boolean {
  return rotationDegrees === 90 || rotationDegrees === 270;
}

/** Servers before 2026-04 decode a video's frames as they are stored, not as they are shown. */
function storedSize(input: InputFacts): Size {
  const { width, height } = input;
  return isTurned(input) ? { width: height, height: width } : { width, height };
}

function toEven(pixels: number): number {
  return Math.max(2, 2 * Math.round(pixels / 2));
}

function upTo(multiple: number): (pixels: number) => number {
  return (pixels) => multiple * Math.ceil(pixels / multiple);
}
