import { isDeepStrictEqual } from "node:util";
import { buildWorkflow, type ModelNames, type VariantFile } from "../build-workflow.js";
import type { Graph } from "../convert/graph.js";
import { graphClasses, graphToPrompt } from "../convert/graph-to-prompt.js";
import { isGraph, parseGraph } from "../convert/parse-graph.js";
import { invalidWorkflow } from "../invalid-workflow.js";
import type { NodeClasses } from "../node-info.js";
import { parsePrompt } from "../read/parse-prompt.js";
import { parseJson } from "../read/parse-text.js";
import type { GraphSource, WorkflowSource } from "../read/read-workflow-file.js";
import { parseSidecar, type Sidecar } from "../read/sidecar.js";
import type { Workflow } from "../workflow.js";

/** One file of a catalog: a workflow, or a graph that becomes one when a server knows its nodes. */
export class CatalogEntry {
  readonly #name: string;
  readonly #source: WorkflowSource;
  readonly #sidecar: Sidecar;
  readonly #models: ModelNames | undefined;
  readonly #variantFiles: { readonly [file: string]: VariantFile };
  readonly #failures = new WeakMap<NodeClasses, unknown>();
  /** Absent for a file in the API format. */
  readonly #graph: Graph | undefined;
  readonly #graphClasses: readonly string[];
  #workflow: Workflow | undefined;
  /** How many of the graph's classes the server knew when the graph was converted. */
  #knownCount = 0;
  #leftOut: readonly string[] = [];

  /** @throws TaskError WORKFLOW_INVALID */
  constructor(name: string, source: WorkflowSource, models?: ModelNames) {
    this.#name = name;
    this.#source = source;
    this.#models = models;
    this.#sidecar = parseSidecar(`${name}.yaml`, source.sidecar);
    this.#variantFiles = Object.fromEntries(
      Object.entries(source.variants).map(([file, text]) => [file, readVariant(file, text)]),
    );
    const file = `${name}.json`;
    const value = parseJson(file, source.text);
    this.#graph = isGraph(value) ? parseGraph(file, value) : undefined;
    this.#graphClasses = this.#graph === undefined ? [] : graphClasses(name, this.#graph);
    if (this.#graph === undefined) this.#workflow = this.#build(parsePrompt(file, unwrap(value)));
  }

  /** Absent until the graph is converted. */
  get workflow(): Workflow | undefined {
    return this.#workflow;
  }

  /**
   * The node classes of a graph; a server need not know all of them. Absent for a file in the API
   * format.
   */
  get graphClasses(): readonly string[] | undefined {
    return this.#graph && this.#graphClasses;
  }

  /** Nodes that were left out when the graph was converted, as `id (class)`. */
  get leftOut(): readonly string[] {
    return this.#leftOut;
  }

  isOf(source: WorkflowSource): boolean {
    return isDeepStrictEqual(this.#source, source);
  }

  /**
   * Converts the graph by what a server knows of its classes, and again for a server that knows
   * more of them. A conversion that failed with the same classes fails again without another try.
   *
   * @throws TaskError WORKFLOW_INVALID
   */
  convert(classes: NodeClasses): Workflow {
    const knownCount = this.#graphClasses.filter((name) => classes.has(name)).length;
    if (this.#workflow !== undefined && knownCount <= this.#knownCount) return this.#workflow;
    if (this.#failures.has(classes)) throw this.#failures.get(classes);
    try {
      this.#workflow = this.#convert(classes);
      this.#knownCount = knownCount;
      return this.#workflow;
    } catch (error) {
      this.#failures.set(classes, error);
      throw error;
    }
  }

  #convert(classes: NodeClasses): Workflow {
    if (this.#graph === undefined) throw new Error("Only a graph can be converted");
    const { prompt, leftOut } = graphToPrompt(
      this.#name,
      this.#graph,
      classes,
      this.#sidecar.result,
    );
    const workflow = this.#build(prompt);
    this.#leftOut = leftOut;
    return workflow;
  }

  #build(prompt: Workflow["prompt"]): Workflow {
    return buildWorkflow(this.#name, prompt, this.#sidecar, this.#models, this.#variantFiles);
  }
}

/** @throws TaskError WORKFLOW_INVALID */
function readVariant(file: string, { text, sidecar }: GraphSource): VariantFile {
  const name = file.replace(/\.json$/, "");
  const value = parseJson(file, text);
  if (isGraph(value)) {
    throw invalidWorkflow(name, "a variant has to be in the API format, and it is in the editor's");
  }
  const prompt = parsePrompt(file, unwrap(value));
  return { name, prompt, sidecar: parseSidecar(`${name}.yaml`, sidecar) };
}

/** Files may hold the whole body of `POST /prompt`. */
function unwrap(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("prompt" in value)) return value;
  const { prompt } = value;
  const isPrompt = typeof prompt === "object" && prompt !== null && !("class_type" in prompt);
  return isPrompt ? prompt : value;
}
