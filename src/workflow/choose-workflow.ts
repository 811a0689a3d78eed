import type { Violation } from "../domain/errors.js";
import type { TaskType } from "../domain/task.js";
import type { WorkflowCatalog } from "./catalog/catalog.js";
import type { Workflow } from "./workflow.js";

/** The fields of a request that decide its workflow. An empty name is the same as none. */
export interface WorkflowRequest {
  readonly type?: TaskType;
  readonly workflow?: string;
  readonly model?: string;
}

/** The workflow of a request, or everything that is wrong with the request. */
export type WorkflowChoice =
  | { readonly workflow: Workflow }
  | { readonly violations: readonly Violation[] };

/**
 * Chooses a request's workflow: the one that it names, else the one that its model stands for, else
 * the first of the type's defaults that is `runnable`. If none of the defaults is runnable, the
 * first that exists is chosen: which workflow it is does not depend on whether that can run.
 */
export function chooseWorkflow(
  catalog: Pick<WorkflowCatalog, "find" | "list" | "unusable" | "defaults">,
  { type, workflow, model }: WorkflowRequest,
  runnable: (workflow: Workflow) => boolean,
): WorkflowChoice {
  if (workflow) return byName(catalog, workflow, type);
  if (model) {
    const alias = /seedvr2/i.test(model) ? SEEDVR2_ALIAS : ESRGAN_ALIAS;
    return (
      byAlias(catalog, alias, type ?? "video") ??
      refuse("model", `No workflow of type "${type ?? "video"}" stands for model "${model}"`)
    );
  }
  return byType(catalog, type ?? "video", runnable);
}

// The names that the first clients used for the two families.
const SEEDVR2_ALIAS = "SeedVR2Defeat";
const ESRGAN_ALIAS = "ESRGANDefeat";

type Catalog = Parameters<typeof chooseWorkflow>[0];

function byName(catalog: Catalog, name: string, type: TaskType | undefined): WorkflowChoice {
  if (/[\\/]/.test(name)) {
    return refuse("workflow", `"${name}" is a path; give the workflow's name alone`);
  }
  const workflow = catalog.find(name);
  if (workflow === undefined) {
    return byAlias(catalog, name, type ?? "video") ?? refuseUnknown(catalog, name);
  }
  if (type !== undefined && type !== workflow.type) {
    return refuse(
      "type",
      `Type "${type}" contradicts workflow "${workflow.name}", which takes an input of type "${workflow.type}"`,
    );
  }
  return { workflow };
}

function byAlias(catalog: Catalog, alias: string, type: TaskType): WorkflowChoice | undefined {
  const name = alias.replace(/\.json$/, "");
  const workflow = catalog.list().find((one) => one.type === type && one.aliases.includes(name));
  return workflow && { workflow };
}

function byType(
  catalog: Catalog,
  type: TaskType,
  runnable: (workflow: Workflow) => boolean,
): WorkflowChoice {
  const defaults = catalog.defaults[type].flatMap((name) => catalog.find(name) ?? []);
  const workflow = defaults.find(runnable) ?? defaults[0];
  if (workflow !== undefined) return { workflow };
  return refuse("workflow", `No default workflow of type "${type}" exists; name one`);
}

function refuseUnknown(catalog: Catalog, name: string): WorkflowChoice {
  const unusable = catalog.unusable(name);
  if (unusable !== undefined) return refuse("workflow", unusable.reason);
  const known = catalog.list().map((workflow) => workflow.name);
  return refuse("workflow", `Unknown workflow "${name}"; there are ${known.join(", ")}`);
}

function refuse(field: string, message: string): WorkflowChoice {
  return { violations: [{ field, message }] };
}
