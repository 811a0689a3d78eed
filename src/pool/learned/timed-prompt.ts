import { createHash } from "node:crypto";
import { framePixels } from "../../domain/frame-pixels.js";
import type { InputFacts } from "../../domain/task.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { Workflow, WorkflowParameter } from "../../workflow/workflow.js";
import type { TimedPrompt } from "./learned-times.js";

/**
 * What decides, but for the server, how long a prompt takes: the workflow's version, the values of its
 * parameters, whether the low-memory profile is used, and the input. Free texts and values that are
 * chosen at random say nothing about time.
 */
export function timedPrompt(
  workflow: Workflow,
  parameters: ParameterValues,
  input: InputFacts | undefined,
  isLowMemory: boolean,
): TimedPrompt {
  const values = workflow.parameters.filter(isTelling).map(({ name }) => [name, parameters[name]]);
  const parts = JSON.stringify([workflow.version, isLowMemory, values]);
  const kind = createHash("sha256").update(parts).digest("hex").slice(0, 32);
  return { kind, framePixels: input && framePixels(input) };
}

/** Any prompt of a workflow, whatever its input: what is asked for where the input is not known. */
export function anyPrompt(workflow: string): TimedPrompt {
  return { kind: workflow, framePixels: 1 };
}

function isTelling({ type, options, default: fallback }: WorkflowParameter): boolean {
  return fallback !== undefined && (type !== "string" || options !== undefined);
}
