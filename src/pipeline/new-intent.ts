import { randomUUID } from "node:crypto";
import type { Dispatch, Task } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { type Capability, variantOn } from "../workflow/check/missing-for.js";
import { type Variant, variantsOf } from "../workflow/variants.js";
import type { Workflow } from "../workflow/workflow.js";

/** Where a prompt will run. */
export interface PromptPlace {
  readonly serverId: string;
  readonly workflow: Workflow;
  /** What the server has; absent: not known. */
  readonly capability?: Capability;
}

type Intent = Omit<Dispatch, "at">;

/** What is stored of a new prompt before its server hears of it. */
export function newIntent(
  { taskId, epoch, parameters }: Pick<Task, "taskId" | "epoch" | "parameters">,
  place: PromptPlace,
  lowMemory: boolean,
): Intent {
  const { name: variant } = variantHere(place, parameters);
  const promptId = randomUUID();
  return {
    ...{ server: place.serverId, promptId, phase: "intent" },
    filenamePrefix: `tmlsr/${taskId}/${epoch}-${promptId.slice(0, 8)}/out`,
    ...(lowMemory && { lowMemory }),
    ...defined({ variant }),
  };
}

/** The one that is stored already, if it is of the same place and kind. */
export function intentFor(wanted: Intent, stored: Intent | undefined): Intent {
  const isSame =
    stored?.server === wanted.server &&
    stored.variant === wanted.variant &&
    stored.lowMemory === wanted.lowMemory;
  return isSame ? stored : wanted;
}

/** The variant that the server runs. One that can run none any more is asked all the same, and says why not. */
export function variantHere(
  { workflow, capability }: Omit<PromptPlace, "serverId">,
  parameters: Task["parameters"],
): Variant {
  const [first, ...others] = variantsOf(workflow);
  if (others.length === 0 || capability === undefined) return first;
  return variantOn(workflow, capability, parameters) ?? first;
}
