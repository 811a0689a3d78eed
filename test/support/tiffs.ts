/** One page of a TIFF: plain pixels of one value. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  /** Of each byte of the pixels. */
  readonly value: number;
  /** PhotometricInterpretation. @default 2, RGB */
  readonly photometric?: number;
  /** Of each channel. @default 8 */
  readonly bits?: number;
  /** SampleFormat. @default 1, unsigned */
  readonly format?: number;
  /** @default 1, none */
  readonly compression?: number;
  /** NewSubfileType. 1: reduced. @default not stated */
  readonly subfile?: number;
}

const [SHORT, LONG] = [3, 4];

/** A TIFF of some pages, as TIFF 6.0 says, with the pixels last. */
export function tiffOf(pages: readonly TiffPage[]): Buffer {
  let file = Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  for (const [index, page] of pages.entries())
    file = Buffer.concat([file, pageAt(file.length, page, index === pages.length - 1)]);
  return file;
}

type Entry = readonly [tag: number, type: number, values: readonly number[]];

function pageAt(start: number, page: TiffPage, isLast: boolean): Buffer {
  const { width, height, value, photometric = 2, bits = 8, format = 1, compression = 1 } = page;
  const channels = photometric === 32_803 ? 1 : 3;
  const pixels = Buffer.alloc((width * height * channels * bits) / 8, value);
  const perChannel = (number: number) => Array<number>(channels).fill(number);
  const subfile: readonly Entry[] = page.subfile === undefined ? [] : [[254, LONG, [page.subfile]]];
  const count = subfile.length + 10;
  const valuesAt = start + 2 + 12 * count + 4;
  const pixelsAt = valuesAt + 4 * channels;
  const entries: readonly Entry[] = [
    ...subfile,
    [256, SHORT, [width]],
    [257, SHORT, [height]],
    [258, SHORT, perChannel(bits)],
    [259, SHORT, [compression]],
    [262, SHORT, [photometric]],
    [273, LONG, [pixelsAt]],
    [277, SHORT, [channels]],
    [278, SHORT, [height]],
    [279, LONG, [pixels.length]],
    [339, SHORT, perChannel(format)],
  ];
  const fields = entries.map((entry) => fieldOf(entry, valuesAt + (entry[0] === 339 ? 6 : 0)));
  const next = Buffer.alloc(4);
  if (!isLast) next.writeUInt32LE(pixelsAt + pixels.length);
  const values = [...perChannel(bits), ...perChannel(format)];
  return Buffer.concat([shorts([count]), ...fields, next, shorts(values), pixels]);
}

/** One value stands in the entry itself, more stand at `valuesAt`. */
function fieldOf([tag, type, values]: Entry, valuesAt: number): Buffer {
  const field = Buffer.alloc(12);
  field.writeUInt16LE(tag);
  field.writeUInt16LE(type, 2);
  field.writeUInt32LE(values.length, 4);
  field.writeUInt32LE(values.length === 1 ? (values[0] ?? 0) : valuesAt, 8);
  return field;
}

function shorts(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, 2 * index);
  return bytes;
}
