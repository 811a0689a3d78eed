import type { UpscaleModel } from "../network/upscaler.js";
import { PythonError } from "../python-text.js";
import type { Audio, Video } from "../video/video.js";
import type { Frames } from "./frames.js";
import type { Mask } from "./mask.js";
import type { ResolvedInputs } from "./node-class.js";

// A node's inputs come from clients and from other nodes. Literals are checked against the class's
// ranges, but not all against its types. So each input is read with its type.

/** @throws PythonError AttributeError if the input has another type. */
export function framesInput(inputs: ResolvedInputs, name: string): Frames {
  const value = inputs[name];
  if (isFrames(value)) return value;
  throw wrongType(name, "IMAGE");
}

/** @throws PythonError AttributeError if the input has another type. */
export function videoInput(inputs: ResolvedInputs, name: string): Video {
  const value = inputs[name];
  if (isVideo(value)) return value;
  throw wrongType(name, "VIDEO");
}

/**
 * Null if there is no audio, or if the input is left out. @throws PythonError AttributeError if it
 * has another type.
 */
export function audioInput(inputs: ResolvedInputs, name: string): Audio | null {
  const value = inputs[name] ?? null;
  if (value === null || isAudio(value)) return value;
  throw wrongType(name, "AUDIO");
}

/** @throws PythonError AttributeError if the input has another type. */
export function modelInput(inputs: ResolvedInputs, name: string): UpscaleModel {
  const value = inputs[name];
  if (isModel(value)) return value;
  throw wrongType(name, "UPSCALE_MODEL");
}

/** @throws PythonError AttributeError if the input has another type. */
export function maskInput(inputs: ResolvedInputs, name: string): Mask {
  const value = inputs[name];
  if (isMask(value)) return value;
  throw wrongType(name, "MASK");
}

/** @throws PythonError AttributeError if the input has another type. */
export function textInput(inputs: ResolvedInputs, name: string): string {
  const value = inputs[name];
  if (typeof value === "string") return value;
  throw wrongType(name, "STRING");
}

/** @throws PythonError AttributeError if the input has another type. */
export function numberInput(inputs: ResolvedInputs, name: string): number {
  const value = inputs[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrongType(name, "number");
}

function wrongType(name: string, type: string): PythonError {
  return new PythonError("AttributeError", `input '${name}' holds no ${type}`);
}

function isFrames(value: unknown): value is Frames {
  return typeof value === "object" && value !== null && "isBoundToRun" in value;
}

function isVideo(value: unknown): value is Video {
  return typeof value === "object" && value !== null && "frames" in value;
}

function isAudio(value: unknown): value is Audio {
  return typeof value === "object" && value !== null && "audioPath" in value;
}

function isMask(value: unknown): value is Mask {
  return typeof value === "object" && value !== null && "transparency" in value;
}

function isModel(value: unknown): value is UpscaleModel {
  return typeof value === "object" && value !== null && "scale" in value;
}
