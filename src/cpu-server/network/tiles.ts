/**
 * A part of a picture: the region that it yields, and the region that it needs as input. In pixels
 * of the input.
 */
export interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** The same region with a margin, cut at the picture's edges. */
  readonly context: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

/** Tiles of about this size keep a network's memory constant and an interrupt's latency short. */
export const TILE_EDGE = 128;

/**
 * Ten 3x3 convolutions at the input's resolution depend on pixels up to 10 away (measured: no
 * effect from 11 on). With this margin a tiled result equals an untiled one.
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
