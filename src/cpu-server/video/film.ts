import type { Rational, Rotation } from "mediabunny";

/** Facts that all frames of one video file share. */
export interface Film {
  /** Average frames per second. */
  readonly fps: number;
  /** The clockwise rotation between the stored frames and the shown ones. */
  readonly rotation: Rotation;
  /** Whether the frames are mirrored after the rotation. */
  readonly flip: boolean;
  readonly pixelAspectRatio: Rational;
  readonly colorSpace: VideoColorSpaceInit;
}
