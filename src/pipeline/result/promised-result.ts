import type { InputFacts } from "../../domain/task.js";
import type { FilmFacts } from "../../film/film-facts.js";
import { defined } from "../../lib/defined.js";
import { promisedSize } from "../../workflow/bind/promised-size.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { WorkflowGraph } from "../../workflow/workflow.js";
import type { Promised } from "./judge-result.js";

/**
 * What a workflow promises of a task's result: its size, and the film's frames, where it keeps them.
 *
 * @param film what is known of the input's picture; its length and rate would only tell about how many frames it has.
 */
export function promisedResult(
  graph: WorkflowGraph,
  input: InputFacts,
  values: ParameterValues,
  film: Pick<FilmFacts, "times"> | undefined,
): Promised {
  return defined({
    size: promisedSize(graph, input, values),
    frameCount: graph.frames && film?.times.length,
  });
}
