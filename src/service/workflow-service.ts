import { TaskError } from "../domain/errors.js";
import type { Json } from "../domain/task.js";
import type { Pool } from "../pool/pool.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";
import { parametersSchema } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";

/** A workflow as clients see it, with the servers that can run it now. */
export interface WorkflowView {
  readonly workflow: Workflow;
  /** Whether a server can run it now. */
  readonly isRunnable: boolean;
  /** Addresses of the servers that can run it now. */
  readonly servers: readonly string[];
  readonly parametersSchema: { readonly [key: string]: Json };
}

/** Tells clients which workflows exist. */
export class WorkflowService {
  readonly #catalog: WorkflowCatalog;
  readonly #pool: Pick<Pool, "serversFor">;

  constructor(catalog: WorkflowCatalog, pool: Pick<Pool, "serversFor">) {
    this.#catalog = catalog;
    this.#pool = pool;
  }

  /** All usable workflows, sorted by name. */
  list(): readonly WorkflowView[] {
    return this.#catalog.list().map((workflow) => this.#view(workflow));
  }

  /**
   * @throws TaskError WORKFLOW_NOT_FOUND. If a file exists but cannot be used, the message says
   *   why.
   */
  get(name: string): WorkflowView {
    const workflow =
      this.#catalog.find(name) ??
      this.#catalog.list().find(({ aliases }) => aliases.includes(name));
    if (workflow === undefined) {
      const reason = this.#catalog.unusable(name)?.reason ?? "Workflow not found";
      throw new TaskError("WORKFLOW_NOT_FOUND", reason);
    }
    return this.#view(workflow);
  }

  #view(workflow: Workflow): WorkflowView {
    const servers = this.#pool.serversFor(workflow).map((server) => server.id);
    const isRunnable = servers.length > 0;
    return { workflow, isRunnable, servers, parametersSchema: parametersSchema(workflow) };
  }
}
