import type { Frames } from "../nodes/frames.js";

/** ComfyUI's VIDEO: frames, frame rate and sound. */
export interface Video {
  readonly frames: Frames;
  /** Frames per second. If this is the video's own rate, its frames keep their original times. */
  readonly fps: number;
  readonly audio: Audio | null;
  /** As what it is to be written, where that is told: bits, and ComfyUI's name of the colours. */
  readonly depth?: { readonly bits: unknown; readonly colours: unknown };
}

/** ComfyUI's AUDIO: the first audio track of a file. It is copied without decoding. */
export interface Audio {
  readonly audioPath: string;
}
