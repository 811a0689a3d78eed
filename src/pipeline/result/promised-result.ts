import type { InputFacts } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { promisedSize } from "../../workflow/bind/promised-size.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { WorkflowGraph } from "../../workflow/workflow.js";
import type { Promised } from "./judge-result.js";

/** What a workflow promises of a task's result: its size, and the film's frames, where it keeps them. */
export function promisedResult(
  graph: WorkflowGraph,
  input: InputFacts,
  values: ParameterValues,
): Promised {
  return defined({
    size: promisedSize(graph, input, values),
    frameCount: graph.frames && frameCountOf(input),
  });
}

function frameCountOf({ durationSeconds, fps }: InputFacts): number | undefined {
  if (durationSeconds === undefined || fps === undefined) return undefined;
  return Math.round(durationSeconds * fps);
}
