import type { Frame } from "../network/frame.js";
import type { UpscaleModel } from "../network/upscaler.js";
import { PythonError } from "../python-text.js";
import type { ResolvedInputs } from "./node-class.js";

// A node's inputs come from clients (literals are checked against the class's ranges, not all against
// its types) and from other nodes, so each is read with its type.

/** @throws PythonError AttributeError if the input holds anything else. */
export function framesInput(inputs: ResolvedInputs, name: string): readonly Frame[] {
  const value = inputs[name];
  if (Array.isArray(value) && value.length > 0 && value.every(isFrame)) return value;
  throw wrongType(name, "IMAGE");
}

/** @throws PythonError AttributeError if the input holds anything else. */
export function modelInput(inputs: ResolvedInputs, name: string): UpscaleModel {
  const value = inputs[name];
  if (isModel(value)) return value;
  throw wrongType(name, "UPSCALE_MODEL");
}

/** @throws PythonError AttributeError if the input holds anything else. */
export function textInput(inputs: ResolvedInputs, name: string): string {
  const value = inputs[name];
  if (typeof value === "string") return value;
  throw wrongType(name, "STRING");
}

/** @throws PythonError AttributeError if the input holds anything else. */
export function numberInput(inputs: ResolvedInputs, name: string): number {
  const value = inputs[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrongType(name, "number");
}

function wrongType(name: string, type: string): PythonError {
  return new PythonError("AttributeError", `input '${name}' holds no ${type}`);
}

function isFrame(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && "rgb" in value;
}

function isModel(value: unknown): value is UpscaleModel {
  return typeof value === "object" && value !== null && "scale" in value;
}
