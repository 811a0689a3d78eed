import type { FilmFacts, Ratio } from "../film-facts.js";

/** How a result's frames have to be shown so that they look as the source does. */
export interface ShownPicture {
  readonly rotationDegrees: FilmFacts["rotationDegrees"];
  readonly pixelAspect: Ratio;
}

type Film = Pick<FilmFacts, "width" | "height" | "rotationDegrees" | "pixelAspect">;
type Size = { readonly width: number; readonly height: number };

const SQUARE: Ratio = { num: 1, den: 1 };
/** Shapes whose sides' ratios differ by less than this factor are the same: networks pad edges. */
const SAME_SHAPE = Math.log(1.03);

/**
 * Tells from the size of a result what its server has done with the frames: whether it has turned them
 * upright, and whether it has made their pixels square.
 *
 * @param isUpright looked up in the picture, where that is known: the size of a square film and of one
 *   that stands on its head does not tell. @default not turned, as by most servers
 */
export function shownPicture(film: Film, result: Size, isUpright?: boolean): ShownPicture {
  const ways = waysOf(film, isUpright);
  const best = Math.min(...ways.map((way) => misfit(way, result)));
  const way = ways.find((one) => misfit(one, result) <= best + SAME_SHAPE);
  return way ?? { rotationDegrees: 0, pixelAspect: SQUARE };
}

/** The size of a result as it is shown: turned, where players turn it. */
export function shownSize(film: Film, { width, height }: Size): Size {
  const { rotationDegrees } = shownPicture(film, { width, height });
  const isOnItsSide = rotationDegrees % 180 !== 0;
  return isOnItsSide ? { width: height, height: width } : { width, height };
}

/** Whether the size of a result does not tell if its frames have been turned. */
export function isAmbiguous(film: Film, result: Size): boolean {
  if (film.rotationDegrees === 0) return false;
  const misfitOf = (isUpright: boolean): number =>
    Math.min(...waysOf(film, isUpright).map((way) => misfit(way, result)));
  return Math.abs(misfitOf(true) - misfitOf(false)) <= SAME_SHAPE;
}

function misfit({ shape }: Way, { width, height }: Size): number {
  return Math.abs(Math.log(width / height / shape));
}

interface Way extends ShownPicture {
  /** Width by height of what comes out. */
  readonly shape: number;
}

/** What servers do, the most usual first. */
function waysOf(film: Film, isUpright: boolean | undefined): readonly Way[] {
  const { width, height, rotationDegrees, pixelAspect } = film;
  const stored = width / height;
  const squared = (stored * pixelAspect.num) / pixelAspect.den;
  const lying: Way[] = [
    { rotationDegrees, pixelAspect, shape: stored },
    { rotationDegrees, pixelAspect: SQUARE, shape: squared },
  ];
  if (rotationDegrees === 0) return lying;
  const isAcross = rotationDegrees !== 180;
  const turnedAspect = isAcross ? { num: pixelAspect.den, den: pixelAspect.num } : pixelAspect;
  const turn = (shape: number): number => (isAcross ? 1 / shape : shape);
  const upright: Way[] = [
    { rotationDegrees: 0, pixelAspect: turnedAspect, shape: turn(stored) },
    { rotationDegrees: 0, pixelAspect: SQUARE, shape: turn(squared) },
  ];
  if (isUpright === undefined) return [...lying, ...upright];
  return isUpright ? upright : lying;
}
