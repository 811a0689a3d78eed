/** The turn that a picture needs to be upright, in degrees, clockwise. */
export type Turn = 0 | 90 | 180 | 270;

/** Brightness samples of a picture, row by row. */
export interface Luma {
  readonly width: number;
  readonly height: number;
  readonly samples: Uint8Array;
}

/** What a test's picture says of itself. */
export interface PictureFacts {
  readonly number: number;
  readonly isFlash: boolean;
  /** By which it had to be turned to be read. */
  readonly turn: Turn;
}

const BIT_COUNT = 16;
const COLUMN_COUNT = 8;
/** Two rows of bits, two of their opposites, one of a checksum, two for the flash and the scene. */
const ROW_COUNT = 7;
const CHECKSUM_ROW = 4;
const [OFF, ON, FLASH] = [50, 190, 235];
const TURNS: readonly Turn[] = [0, 90, 180, 270];

/**
 * Draws the number of a frame as blocks: 16 bits, below each its opposite, and a checksum. At the
 * left of the foot is the flash, at the right are bars that wander with the number and look
 * different in each scene.
 */
export function drawPicture(
  { width, height }: { readonly width: number; readonly height: number },
  number: number,
  { isFlash, scene }: { readonly isFlash: boolean; readonly scene: number },
): Luma {
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor((y * ROW_COUNT) / height);
    for (let x = 0; x < width; x += 1) {
      const column = Math.floor((x * COLUMN_COUNT) / width);
      samples[y * width + x] =
        row <= CHECKSUM_ROW
          ? bitOf(number, row, column)
          : foot(x, y, width, number, isFlash, scene);
    }
  }
  return { width, height, samples };
}

function bitOf(number: number, row: number, column: number): number {
  if (row === CHECKSUM_ROW) return (checksum(number) >> column) & 1 ? ON : OFF;
  const bit = (number >> ((row % 2) * COLUMN_COUNT + column)) & 1;
  return bit === (row < 2 ? 1 : 0) ? ON : OFF;
}

function checksum(number: number): number {
  return (Math.imul(number + 1, 0x9e3779b1) >>> 24) & 0xff;
}

function foot(
  x: number,
  y: number,
  width: number,
  number: number,
  isFlash: boolean,
  scene: number,
): number {
  if (x < width / 2) return isFlash ? FLASH : 30;
  const wide = 4 + ((scene * 5) % 13);
  const along = scene % 2 === 0 ? x : y;
  return Math.floor((along + number) / wide) % 2 === 0 ? 60 + ((scene * 37) % 90) : 160;
}

/** Reads a picture of {@link drawPicture}, also one that was scaled, turned, or encoded with losses. */
export function readPicture(luma: Luma): PictureFacts {
  for (const turn of TURNS) {
    const upright = turnPicture(luma, turn);
    const number = readNumber(upright);
    if (number === undefined) continue;
    return { number, isFlash: meanAround(upright, 1, 5.5) > 150, turn };
  }
  throw new Error("The picture shows no number");
}

/** Turns a picture clockwise. */
export function turnPicture({ width, height, samples }: Luma, turn: Turn): Luma {
  if (turn === 0) return { width, height, samples };
  const isSideways = turn !== 180;
  const [newWidth, newHeight] = isSideways ? [height, width] : [width, height];
  const turned = new Uint8Array(samples.length);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const [toX, toY] =
        turn === 90
          ? [height - 1 - y, x]
          : turn === 180
            ? [width - 1 - x, height - 1 - y]
            : [y, width - 1 - x];
      turned[toY * newWidth + toX] = samples[y * width + x]!;
    }
  return { width: newWidth, height: newHeight, samples: turned };
}

/** Undefined if a block is not the opposite of the one below it: the picture is turned, or garbled. */
function readNumber(luma: Luma): number | undefined {
  let number = 0;
  for (let bit = 0; bit < BIT_COUNT; bit += 1) {
    const [row, column] = [Math.floor(bit / COLUMN_COUNT), bit % COLUMN_COUNT];
    const value = meanAround(luma, column, row);
    const opposite = meanAround(luma, column, row + 2);
    if (Math.abs(value - opposite) < (ON - OFF) / 3) return undefined;
    if (value > opposite) number |= 1 << bit;
  }
  for (let column = 0; column < COLUMN_COUNT; column += 1) {
    const isOn = meanAround(luma, column, CHECKSUM_ROW) > (ON + OFF) / 2;
    if (isOn !== (((checksum(number) >> column) & 1) === 1)) return undefined;
  }
  return number;
}

/** The mean of the middle of a block. */
function meanAround({ width, height, samples }: Luma, column: number, row: number): number {
  const [left, right] = [column + 0.3, column + 0.7].map((at) =>
    Math.floor((at * width) / COLUMN_COUNT),
  ) as [number, number];
  const [top, bottom] = [row + 0.3, row + 0.7].map((at) =>
    Math.floor((at * height) / ROW_COUNT),
  ) as [number, number];
  let [sum, count] = [0, 0];
  for (let y = top; y <= bottom; y += 1)
    for (let x = left; x <= right; x += 1) {
      sum += samples[y * width + x]!;
      count += 1;
    }
  return sum / count;
}
