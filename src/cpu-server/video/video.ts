import type { Frames } from "../nodes/frames.js";

/** ComfyUI's VIDEO: frames, how fast they come, and sound. */
export interface Video {
  readonly frames: Frames;
  /** Frames per second. Frames of a film keep their own times where this is the film's own rate. */
  readonly fps: number;
  readonly audio: Audio | null;
}

/** ComfyUI's AUDIO: the first audio track of a file. It is copied as it is, never decoded. */
export interface Audio {
  readonly audioPath: string;
}
