/** A part of a picture: what it yields, and what has to be looked at for it. Pixels of the input. */
export interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** The same with a margin, as far as the picture goes. */
  readonly context: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

/** Tiles about as large as these keep a network's memory flat and an interrupt's latency short. */
export const TILE_EDGE = 128;

/**
 * Ten 3x3 convolutions at the input's resolution see 10 pixels far (measured: nothing from 11 on), so
 * with this margin a tiled result equals an untiled one.
 */
export const TILE_MARGIN = 12;

/** Cuts a picture into tiles of about equal size, row by row. */
export function cutTiles(width: number, height: number, edge = TILE_EDGE): readonly Tile[] {
  return spans(height, edge).flatMap(({ start: top, length: tileHeight }) =>
    spans(width, edge).map(({ start: left, length: tileWidth }) => {
      const x = widen(left, tileWidth, width);
      const y = widen(top, tileHeight, height);
      const context = { left: x.start, top: y.start, width: x.length, height: y.length };
      return { left, top, width: tileWidth, height: tileHeight, context };
    }),
  );
}

interface Span {
  readonly start: number;
  readonly length: number;
}

function spans(total: number, edge: number): readonly Span[] {
  const count = Math.ceil(total / edge);
  return Array.from({ length: count }, (_, index) => {
    const start = Math.round((index * total) / count);
    return { start, length: Math.round(((index + 1) * total) / count) - start };
  });
}

function widen(start: number, length: number, total: number): Span {
  const from = Math.max(0, start - TILE_MARGIN);
  return { start: from, length: Math.min(total, start + length + TILE_MARGIN) - from };
}
