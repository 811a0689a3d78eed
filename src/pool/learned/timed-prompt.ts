import { createHash } from "node:crypto";
import { framePixels } from "../../domain/frame-pixels.js";
import type { InputFacts } from "../../domain/task.js";
import { perObject } from "../../lib/per-object.js";
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
  const kind = kindOf(workflow, parameters, isLowMemory);
  return { kind, framePixels: input && framePixels(input) };
}

function kindOf(workflow: Workflow, parameters: ParameterValues, isLowMemory: boolean): string {
  const { version } = workflow;
  const kinds = kindsOf(parameters);
  const key = `${version} ${isLowMemory}`;
  const known = kinds.get(key);
  if (known !== undefined) return known;
  const values = workflow.parameters.filter(isTelling).map(({ name }) => [name, parameters[name]]);
  const parts = JSON.stringify([version, isLowMemory, values]);
  const kind = createHash("sha256").update(parts).digest("hex").slice(0, 32);
  kinds.set(key, kind);
  return kind;
}

/** A run asks several times, with the same values. */
const kindsOf = perObject((_values: ParameterValues) => new Map<string, string>());

/** Any prompt of a workflow, whatever its input: what is asked for where the input is not known. */
export function anyPrompt(workflow: string): TimedPrompt {
  return { kind: workflow, framePixels: 1 };
}

function isTelling({ type, options, default: fallback }: WorkflowParameter): boolean {
  return fallback !== undefined && (type !== "string" || options !== undefined);
}
