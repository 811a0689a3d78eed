import type { ServerCapability } from "../../comfy/server-capability.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { PoolServer } from "./pool-server.js";
import { canRun } from "./server-fit.js";

/**
 * Remembers what servers can run, for as long as they say the same of themselves. Whenever one of
 * them changes, this is asked for every server and every task that waits.
 */
export class Abilities {
  readonly #known = new WeakMap<ServerCapability, WeakMap<Workflow, Known>>();

  /** Whether a server has all that a workflow needs with these values of its parameters. */
  canRun(server: PoolServer, workflow: Workflow, values: ParameterValues): boolean {
    const known = this.#of(server, workflow);
    if (known === undefined) return false;
    const can = known.byValues.get(values) ?? canRun(server, workflow, values);
    known.byValues.set(values, can);
    return can;
  }

  /** Whether a server may have what a task of a workflow needs: with the defaults, or another option of one parameter. */
  canRunSome(server: PoolServer, workflow: Workflow): boolean {
    const known = this.#of(server, workflow);
    if (known === undefined) return false;
    known.some ??= [{}, ...optionsOf(workflow)].some((values) => canRun(server, workflow, values));
    return known.some;
  }

  #of({ capability }: PoolServer, workflow: Workflow): Known | undefined {
    if (capability === undefined) return undefined;
    const workflows = this.#known.get(capability) ?? new WeakMap<Workflow, Known>();
    this.#known.set(capability, workflows);
    const known = workflows.get(workflow) ?? { byValues: new WeakMap() };
    workflows.set(workflow, known);
    return known;
  }
}

interface Known {
  readonly byValues: WeakMap<ParameterValues, boolean>;
  some?: boolean;
}

function optionsOf({ parameters }: Workflow): readonly ParameterValues[] {
  return parameters.flatMap(({ name, options = [] }) =>
    options.map((option) => ({ [name]: option })),
  );
}
