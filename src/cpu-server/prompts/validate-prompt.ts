import { isJsonObject, type Json, type JsonObject, ownValue } from "../json.js";
import { PythonError, pythonStr } from "../python-text.js";
import {
  exceptionReason,
  InputValidator,
  type ValidationContext,
  type Verdict,
} from "./input-validator.js";
import type { Prompt } from "./prompt-queue.js";
import type { Reason } from "./reason.js";

/** A prompt's `error`, as it is sent. */
interface PromptFailure {
  readonly type: string;
  readonly message: string;
  readonly details: string;
  readonly extra_info: JsonObject;
}

/**
 * The result of checking a prompt. An accepted prompt may have node errors too; its bad outputs are
 * dropped.
 */
export type PromptVerdict =
  | {
      readonly outputNodes: readonly string[];
      readonly prompt: Prompt;
      readonly nodeErrors: NodeErrors;
    }
  | { readonly error: PromptFailure; readonly nodeErrors: NodeErrors };

/** The problems by node. */
type NodeErrors = ReadonlyMap<string, NodeError>;

interface NodeError {
  readonly errors: readonly Reason[];
  readonly dependent_outputs: string[];
  readonly class_type: Json;
}

/**
 * Checks a prompt as ComfyUI 0.3.64 does, with exactly its answers.
 *
 * @param targets the output nodes that run; undefined: all.
 * @throws PythonError where ComfyUI raises an error and its server answers 500.
 */
export async function validatePrompt(
  body: Json,
  targets: Json | undefined,
  context: ValidationContext,
): Promise<PromptVerdict> {
  if (!isJsonObject(body) && !(Array.isArray(body) && body.length === 0)) {
    throw new PythonError("TypeError", "prompt is no object");
  }
  const prompt = isJsonObject(body) ? body : {};
  const outputs: string[] = [];
  for (const [id, node] of Object.entries(prompt)) {
    const error = classFailure(id, node, context);
    if (error !== undefined) return { error, nodeErrors: new Map() };
    if (isOutput(node, context) && isTarget(id, targets)) outputs.push(id);
  }
  if (outputs.length === 0) {
    const error = failure("prompt_no_outputs", "Prompt has no outputs", "");
    return { error, nodeErrors: new Map() };
  }
  return await validateOutputs(prompt, outputs, context);
}

function classFailure(
  id: string,
  node: Json,
  { nodes, isNewer }: ValidationContext,
): PromptFailure | undefined {
  if (node === null || typeof node === "number" || typeof node === "boolean") {
    throw new PythonError("TypeError", "argument is not iterable");
  }
  const classType = isJsonObject(node) ? ownValue(node, "class_type") : undefined;
  const details = `Node ID '#${id}'`;
  if (classType === undefined) {
    const message = "Cannot execute because a node is missing the class_type property.";
    return failure("invalid_prompt", message, details);
  }
  const name = pythonStr(classType);
  if (nodes.has(name)) return undefined;
  if (isNewer) {
    const extra = { node_id: id, class_type: name, node_title: name };
    return failure("missing_node_type", `Node '${name}' not found.`, details, extra);
  }
  return failure("invalid_prompt", `Cannot execute because node ${name} does not exist.`, details);
}

async function validateOutputs(
  prompt: JsonObject,
  outputs: readonly string[],
  context: ValidationContext,
): Promise<PromptVerdict> {
  const validator = new InputValidator(prompt, context);
  const good: string[] = [];
  const badReasons: Reason[] = [];
  const nodeErrors = new Map<string, NodeError>();
  for (const id of outputs) {
    const { isValid, reasons } = await validateOutput(validator, id);
    if (isValid) good.push(id);
    else {
      badReasons.push(...reasons);
      addNodeErrors(nodeErrors, validator, prompt, id);
    }
  }
  if (good.length === 0) {
    const details = badReasons.map((reason) => `${reason.message}: ${reason.details}`).join("\n");
    const message = "Prompt outputs failed validation";
    return { error: failure("prompt_outputs_failed_validation", message, details), nodeErrors };
  }
  // All nodes that an output needs were checked. The other nodes never run.
  return { outputNodes: good, prompt: prompt as unknown as Prompt, nodeErrors };
}

async function validateOutput(validator: InputValidator, id: string): Promise<Verdict> {
  try {
    return await validator.validate(id);
  } catch (thrown) {
    const type = "exception_during_validation";
    const reason = exceptionReason(type, "Exception when validating node", thrown);
    const verdict = { isValid: false, reasons: [reason] };
    validator.verdicts.set(id, verdict);
    return verdict;
  }
}

/** Adds every node found wrong so far. A node that only depends on a wrong node has no reasons. */
function addNodeErrors(
  nodeErrors: Map<string, NodeError>,
  validator: InputValidator,
  prompt: JsonObject,
  output: string,
): void {
  for (const [id, { isValid, reasons }] of validator.verdicts) {
    if (isValid || reasons.length === 0) continue;
    const node = ownValue(prompt, id);
    const classType = isJsonObject(node) ? (node["class_type"] ?? null) : null;
    const entry = nodeErrors.get(id) ?? {
      errors: reasons,
      dependent_outputs: [],
      class_type: classType,
    };
    entry.dependent_outputs.push(output);
    nodeErrors.set(id, entry);
  }
}

function isOutput(node: Json, { nodes }: ValidationContext): boolean {
  const classType = isJsonObject(node) ? pythonStr(node["class_type"] ?? null) : "";
  return nodes.get(classType)?.isOutputNode ?? false;
}

function isTarget(id: string, targets: Json | undefined): boolean {
  return (
    targets === undefined || targets === null || (Array.isArray(targets) && targets.includes(id))
  );
}

function failure(
  type: string,
  message: string,
  details: string,
  extra: JsonObject = {},
): PromptFailure {
  return { type, message, details, extra_info: extra };
}
