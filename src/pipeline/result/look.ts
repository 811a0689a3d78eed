import type { Thumbnail } from "./thumbnail.js";

/** A frame of a film, or a still picture. */
export interface SeenFrame {
  /** When it is shown, in seconds; 0 for a still picture. */
  readonly atSeconds: number;
  readonly thumbnail: Thumbnail;
}

/** What is seen when a picture or film is looked at. */
export interface Look {
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
  /** Only of a film. */
  readonly frameCount?: number;
  /** A still picture, or a few frames of a film, in their order; none where nothing here decodes them. */
  readonly frames: readonly SeenFrame[];
}
