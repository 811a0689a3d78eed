import { avGetPixFmtName, type Frame } from "node-av/lib";
import type { FilmFacts } from "../film-facts.js";
import { decodedFrames } from "../read/decode-pictures.js";
import { openFilm } from "../read/open-film.js";

/** Cells of a side of the grid of brightness in which frames are compared. */
const EDGE = 24;
/** Points of a side of a cell. */
const POINTS = 4;
/** Levels of 255 by which one way has to fit better than the other. */
const CLEAR_LEVELS = 4;
const MAX_FRAMES = 100;

/**
 * Whether a server has turned the frames of a film upright, looked up in the pictures themselves: they
 * are compared with those of the source, until they fit clearly better one way or the other.
 *
 * @returns undefined where they look the same both ways.
 */
export async function looksUpright(
  sourcePath: string,
  resultPath: string,
  { rotationDegrees }: Pick<FilmFacts, "rotationDegrees">,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  await using source = await openFilm(sourcePath, signal);
  await using result = await openFilm(resultPath, signal);
  const results = decodedFrames(result, signal);
  let count = 0;
  for await (const frame of decodedFrames(source, signal)) {
    const { value: other } = await results.next();
    if (!other || count === MAX_FRAMES) return undefined;
    count += 1;
    const lying = gridOf(frame);
    const found = gridOf(other);
    const gain = differenceOf(lying, found) - differenceOf(turn(lying, rotationDegrees), found);
    if (Math.abs(gain) > CLEAR_LEVELS) return gain > 0;
  }
  return undefined;
}

/** The mean brightness of each cell of a frame, row by row. */
function gridOf(frame: Frame): readonly number[] {
  return Array.from({ length: EDGE * EDGE }, (_, cell) => {
    const [column, row] = [cell % EDGE, Math.floor(cell / EDGE)];
    let sum = 0;
    for (let point = 0; point < POINTS * POINTS; point += 1)
      sum += brightness(
        frame,
        (column + ((point % POINTS) + 0.5) / POINTS) / EDGE,
        (row + (Math.floor(point / POINTS) + 0.5) / POINTS) / EDGE,
      );
    return sum / (POINTS * POINTS);
  });
}

/** Of the point at these shares of the width and the height. */
function brightness(
  { data, linesize, width, height, format }: Frame,
  x: number,
  y: number,
): number {
  const plane = data?.[0] ?? Buffer.alloc(0);
  const bits = Number(/p(10|12|16)le$/.exec(avGetPixFmtName(format as never) ?? "")?.[1] ?? 8);
  const sampleBytes = bits > 8 ? 2 : 1;
  const at = Math.floor(y * height) * (linesize[0] ?? 0) + Math.floor(x * width) * sampleBytes;
  if (sampleBytes === 1) return plane[at] ?? 0;
  return ((plane[at] ?? 0) + (plane[at + 1] ?? 0) * 256) / 2 ** (bits - 8);
}

/** Turned clockwise. */
function turn(grid: readonly number[], degrees: number): readonly number[] {
  if (degrees === 0) return grid;
  const quarter = grid.map((_, cell) => {
    const [column, row] = [cell % EDGE, Math.floor(cell / EDGE)];
    return grid[(EDGE - 1 - column) * EDGE + row] ?? 0;
  });
  return turn(quarter, degrees - 90);
}

function differenceOf(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, level, at) => sum + Math.abs(level - (b[at] ?? 0)), 0) / a.length;
}
