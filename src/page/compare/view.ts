/** What part of a picture is seen: 1 fits it into the frame; `x` and `y` move its middle, in pixels of the frame. */
export interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** A width and a height in pixels of the frame. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export const FIT: View = { scale: 1, x: 0, y: 0 };
/** How many pixels of the screen one pixel of the picture gets at most. */
const MOST_PER_PIXEL = 16;

/** The largest picture of a shape that fits into a frame. */
export function fitInto(frame: Size, ratio: number): Size {
  const width = Math.min(frame.width, frame.height * ratio);
  return { width, height: width / ratio };
}

/**
 * Zooms so that what is under a point stays there.
 *
 * @param point From the frame's middle, in pixels.
 * @param pixelScale The scale at which a pixel of the picture is one of the screen.
 */
export function zoomAt(view: View, factor: number, point: Point, pixelScale: number): View {
  const most = Math.max(8, pixelScale * MOST_PER_PIXEL);
  const scale = Math.min(most, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  return {
    scale,
    x: point.x - (point.x - view.x) * ratio,
    y: point.y - (point.y - view.y) * ratio,
  };
}

/** A place in the frame, from its middle. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Moves a view by less than a pixel, so that the picture's edges are on pixels of the screen: else
 * each of its pixels would be smeared over two.
 *
 * @param density Pixels of the screen for one of the window.
 */
export function onPixels(view: View, { frame, fitted, density }: Place): View {
  const left = view.x + (frame.width - fitted.width * view.scale) / 2;
  const top = view.y + (frame.height - fitted.height * view.scale) / 2;
  const shift = (edge: number): number => Math.round(edge * density) / density - edge;
  return { scale: view.scale, x: view.x + shift(left), y: view.y + shift(top) };
}

/** Where a picture is. */
export interface Place {
  readonly frame: Size;
  readonly fitted: Size;
  readonly density: number;
}

/** Keeps the picture in the frame: no edge of it comes farther in than it has to. */
export function keepInside(view: View, frame: Size, fitted: Size): View {
  const roomX = Math.max(0, (fitted.width * view.scale - frame.width) / 2);
  const roomY = Math.max(0, (fitted.height * view.scale - frame.height) / 2);
  return {
    scale: view.scale,
    x: Math.min(roomX, Math.max(-roomX, view.x)),
    y: Math.min(roomY, Math.max(-roomY, view.y)),
  };
}
