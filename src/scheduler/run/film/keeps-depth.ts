import { TaskError } from "../../../domain/errors.js";
import type { ColourDepth } from "../../../domain/film.js";
import type { Pool } from "../../../pool/pool.js";
import { depthProblem } from "../../../workflow/bind/film-depth.js";
import { type Capability, variantOn } from "../../../workflow/check/missing-for.js";
import type { ParameterValues } from "../../../workflow/resolve-parameters.js";
import type { Workflow } from "../../../workflow/workflow.js";

/** Whether a server keeps all of a film's colours. One that cannot run the workflow at all is no matter here. */
export function keepsDepth(
  capability: Capability,
  workflow: Workflow,
  parameters: ParameterValues,
  depth: ColourDepth | undefined,
): boolean {
  return depth === undefined || problemOn(capability, workflow, parameters, depth) === undefined;
}

/**
 * Refuses a film of which no server would keep all colours, before one of them is asked. Servers that
 * were never reached may keep them.
 *
 * @throws TaskError INPUT_TYPE_UNSUPPORTED
 */
export function requireDepth(
  depth: ColourDepth,
  workflow: Workflow,
  parameters: ParameterValues,
  { servers }: Pick<Pool, "servers">,
): void {
  const problems = servers.map(
    ({ capability }) => capability && problemOn(capability, workflow, parameters, depth),
  );
  const [problem] = problems;
  if (problem === undefined || problems.includes(undefined)) return;
  const lost = depth.bitDepth > 8 ? "more than 8 bits are" : "a high dynamic range is";
  throw new TaskError("INPUT_TYPE_UNSUPPORTED", `Cannot use input: ${lost} not kept, ${problem}`);
}

function problemOn(
  capability: Capability,
  workflow: Workflow,
  parameters: ParameterValues,
  depth: ColourDepth,
): string | undefined {
  const variant = variantOn(workflow, capability, parameters);
  if (variant === undefined) return "no server that is known can run the workflow";
  return depthProblem(variant.graph, capability.classes, depth);
}
