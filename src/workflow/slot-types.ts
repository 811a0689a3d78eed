import type { InputSpec } from "../comfy/node-info.js";

/**
 * Whether an output of one type may be linked to an input of another, as the editor decides. `*`
 * and the empty type fit all types, `A,B` fits either, and case does not matter. A combo's type may
 * be its list of choices.
 */
export function isCompatible(given: InputSpec[0], wanted: InputSpec[0]): boolean {
  const from = typeText(given).toLowerCase();
  const to = typeText(wanted).toLowerCase();
  if ([from, to].some((type) => isAnyType(type) || DEFERRED_TYPE.test(type))) return true;
  const accepted = to.split(",").map((name) => name.trim());
  return from.split(",").some((name) => accepted.includes(name.trim()));
}

/** Whether a type fits all others. */
export function isAnyType(type: string): boolean {
  return type === "" || type === "*";
}

// A type that is decided elsewhere, such as by another input.
const DEFERRED_TYPE = /^comfy_.*_v3$/;

/** A type's name. */
export function typeText(type: InputSpec[0]): string {
  return typeof type === "string" ? type : "COMBO";
}
