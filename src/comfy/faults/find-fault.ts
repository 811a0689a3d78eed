import type { ExecutionError } from "../wire.js";
import { type FaultFamily, KNOWN_FAULTS, type KnownFault } from "./known-faults.js";

/** A row of the table with its family. */
export interface FoundFault {
  readonly family: FaultFamily;
  readonly fault: KnownFault;
}

/** The first row that fits an error. Undefined if none does: then nothing tells whose fault it is. */
export function findFault({
  exception_type,
  exception_message,
}: Pick<ExecutionError, "exception_type" | "exception_message">): FoundFault | undefined {
  const type = exception_type.slice(exception_type.lastIndexOf(".") + 1).trim();
  const texts = readings(exception_message.trim().slice(0, MAX_MATCHED_CHARS));
  for (const [family, faults] of KNOWN_FAULTS) {
    const fault = faults.find((row) => fits(row, type, texts));
    if (fault !== undefined) return { family, fault };
  }
  return undefined;
}

const MAX_MATCHED_CHARS = 2_000;

function fits({ types, text }: KnownFault, type: string, texts: readonly string[]): boolean {
  if (types !== undefined && !types.includes(type)) return false;
  return text === undefined || texts.some((reading) => text.test(reading));
}

const MAX_LEADS = 4;
const MAX_LEAD_CHARS = 300;

/**
 * The text, and what follows the words that a node or ComfyUI put before the error: "Upscaling
 * failed: RuntimeError: CUDA error". What follows a quotation mark is left alone: it may be the name
 * of a file.
 */
function readings(text: string): readonly string[] {
  const unquoted = text.slice(0, MAX_LEAD_CHARS).split(/['"]/, 1)[0] ?? "";
  const leads = [...unquoted.matchAll(/:\s+/g)].slice(0, MAX_LEADS);
  return [text, ...leads.map((lead) => text.slice(lead.index + lead[0].length))];
}
