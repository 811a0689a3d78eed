/** A part of a picture, in pixels. */
export interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Tiles of at most this size keep the network's memory constant and an interrupt's latency short. */
export const TILE_EDGE = 128;

/**
 * How far the surroundings of a tile matter: by one pixel for each 3x3 convolution of the network.
 * With it a result does not depend on how a picture was cut.
 */
export const TILE_MARGIN = 7;

/** Cuts a picture into tiles of about equal size, row by row. */
export function cutTiles(width: number, height: number, edge = TILE_EDGE): readonly Tile[] {
  return spans(height, edge).flatMap(({ start: top, length: tileHeight }) =>
    spans(width, edge).map(({ start: left, length: tileWidth }) => ({
      ...{ left, top, width: tileWidth, height: tileHeight },
    })),
  );
}

/** The tile with its margins. */
export function contextOf({ left, top, width, height }: Tile): Tile {
  return {
    left: left - TILE_MARGIN,
    top: top - TILE_MARGIN,
    width: width + 2 * TILE_MARGIN,
    height: height + 2 * TILE_MARGIN,
  };
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
