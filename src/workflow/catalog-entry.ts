import { buildWorkflow, type ModelNames } from "./build-workflow.js";
import type { Graph } from "./graph.js";
import { graphClasses, graphToPrompt } from "./graph-to-prompt.js";
import type { NodeClasses } from "./node-info.js";
import { isGraph, parseGraph } from "./parse-graph.js";
import { parsePrompt } from "./parse-prompt.js";
import { parseJson } from "./parse-text.js";
import type { WorkflowSource } from "./read-workflow-file.js";
import { parseSidecar, type Sidecar } from "./sidecar.js";
import type { Workflow } from "./workflow.js";

/** One file of a catalog: a workflow, or a graph that becomes one when a server knows its nodes. */
export class CatalogEntry {
  readonly #name: string;
  readonly #source: WorkflowSource;
  readonly #sidecar: Sidecar;
  readonly #models: ModelNames | undefined;
  readonly #failures = new WeakMap<NodeClasses, unknown>();
  readonly #graphClasses: readonly string[];
  #content: Workflow | Graph;
  #leftOut: readonly string[] = [];

  /** @throws TaskError WORKFLOW_INVALID */
  constructor(name: string, source: WorkflowSource, models?: ModelNames) {
    this.#name = name;
    this.#source = source;
    this.#models = models;
    this.#sidecar = parseSidecar(`${name}.yaml`, source.sidecar);
    const file = `${name}.json`;
    const value = parseJson(file, source.text);
    const graph = isGraph(value) ? parseGraph(file, value) : undefined;
    this.#graphClasses = graph === undefined ? [] : graphClasses(name, graph);
    this.#content = graph ?? this.#build(parsePrompt(file, unwrap(value)));
  }

  /** Absent until it is converted. */
  get workflow(): Workflow | undefined {
    return isWorkflow(this.#content) ? this.#content : undefined;
  }

  /** The node classes that a server may have to know to convert it; absent where there is nothing to convert. */
  get neededClasses(): readonly string[] | undefined {
    return isWorkflow(this.#content) ? undefined : this.#graphClasses;
  }

  /** Nodes that were left out when it was converted, as `id (class)`. */
  get leftOut(): readonly string[] {
    return this.#leftOut;
  }

  isOf(source: WorkflowSource): boolean {
    return this.#source.text === source.text && this.#source.sidecar === source.sidecar;
  }

  /**
   * Converts the graph once; what failed with the same classes fails again without another try.
   *
   * @throws TaskError WORKFLOW_INVALID
   */
  convert(classes: NodeClasses): Workflow {
    const content = this.#content;
    if (isWorkflow(content)) return content;
    if (this.#failures.has(classes)) throw this.#failures.get(classes);
    try {
      const { result } = this.#sidecar;
      const { prompt, leftOut } = graphToPrompt(this.#name, content, classes, result);
      const workflow = this.#build(prompt);
      this.#content = workflow;
      this.#leftOut = leftOut;
      return workflow;
    } catch (error) {
      this.#failures.set(classes, error);
      throw error;
    }
  }

  #build(prompt: Workflow["prompt"]): Workflow {
    return buildWorkflow(this.#name, prompt, this.#sidecar, this.#models);
  }
}

function isWorkflow(content: Workflow | Graph): content is Workflow {
  return "prompt" in content;
}

/** Files may hold the whole body of `POST /prompt`. */
function unwrap(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("prompt" in value)) return value;
  const { prompt } = value;
  const isPrompt = typeof prompt === "object" && prompt !== null && !("class_type" in prompt);
  return isPrompt ? prompt : value;
}
