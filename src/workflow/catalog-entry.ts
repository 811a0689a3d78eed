import { TaskError } from "../domain/errors.js";
import { buildWorkflow, type ModelNames } from "./build-workflow.js";
import { parsePrompt } from "./parse-prompt.js";
import { parseJson } from "./parse-text.js";
import type { WorkflowSource } from "./read-workflow-file.js";
import { parseSidecar } from "./sidecar.js";
import type { Workflow } from "./workflow.js";

/** One file of a catalog. */
export class CatalogEntry {
  readonly workflow: Workflow | undefined;
  readonly neededClasses: readonly string[] | undefined;
  readonly #source: WorkflowSource;

  private constructor(source: WorkflowSource, workflow: Workflow) {
    this.#source = source;
    this.workflow = workflow;
  }

  static of(name: string, source: WorkflowSource, models: ModelNames = {}): CatalogEntry {
    const sidecar = parseSidecar(`${name}.yaml`, source.sidecar);
    const prompt = parsePrompt(`${name}.json`, parseJson(`${name}.json`, source.text));
    return new CatalogEntry(source, buildWorkflow(name, prompt, sidecar, models));
  }

  isOf(source: WorkflowSource): boolean {
    return this.#source.text === source.text && this.#source.sidecar === source.sidecar;
  }

  convert(_classes: unknown): Workflow {
    if (this.workflow) return this.workflow;
    throw new TaskError("WORKFLOW_INVALID", "Conversion is not there yet");
  }
}
