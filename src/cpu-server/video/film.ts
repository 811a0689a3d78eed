import type { Rational, Rotation } from "mediabunny";

/** What frames have in common that were read from a video file. */
export interface Film {
  /** Average frames per second. */
  readonly fps: number;
  /** How far the frames, as stored, are turned clockwise to be shown. */
  readonly rotation: Rotation;
  /** Whether they are then mirrored. */
  readonly flip: boolean;
  readonly pixelAspectRatio: Rational;
  readonly colorSpace: VideoColorSpaceInit;
}
