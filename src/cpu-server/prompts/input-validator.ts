import { isJsonObject, type Json, type JsonObject, ownValue } from "../json.js";
import type { InputSpec, NodeClass, NodeClasses } from "../nodes/node-class.js";
import { describeThrown, PythonError, pythonRepr, pythonStr } from "../python-text.js";
import { castValue } from "./cast-value.js";
import type { Reason } from "./reason.js";
import { boundReasons, comboReasons } from "./value-reasons.js";

/** The result for a node. A node that is invalid without reasons has an invalid ancestor. */
export interface Verdict {
  readonly isValid: boolean;
  readonly reasons: readonly Reason[];
}

/** The parts of the server that the validator needs. */
export interface ValidationContext {
  readonly nodes: NodeClasses;
  /** Whether combos of the newer form are also checked, as newer servers do. */
  readonly isNewer: boolean;
}

/**
 * Checks the inputs of a node and of all its ancestors, and converts literals in place. As in
 * ComfyUI, unknown inputs are allowed, and linked values are checked only for their type.
 */
export class InputValidator {
  readonly verdicts = new Map<string, Verdict>();
  readonly #prompt: JsonObject;
  readonly #context: ValidationContext;
  readonly #open = new Set<string>();

  /** @param prompt all its nodes must have a known class. */
  constructor(prompt: JsonObject, context: ValidationContext) {
    this.#prompt = prompt;
    this.#context = context;
  }

  /**
   * @throws PythonError where ComfyUI raises an error, e.g. for a link to a node that does not
   *   exist.
   */
  async validate(nodeId: string): Promise<Verdict> {
    const known = this.verdicts.get(nodeId);
    if (known !== undefined) return known;
    if (this.#open.has(nodeId)) {
      throw new PythonError("RecursionError", "maximum recursion depth exceeded");
    }
    this.#open.add(nodeId);
    try {
      const verdict = await this.#validateNode(nodeId);
      this.verdicts.set(nodeId, verdict);
      return verdict;
    } finally {
      this.#open.delete(nodeId);
    }
  }

  async #validateNode(nodeId: string): Promise<Verdict> {
    const node = this.#node(nodeId);
    const inputs = ownValue(node, "inputs");
    if (!isJsonObject(inputs)) throw new PythonError("KeyError", "'inputs'");
    const nodeClass = this.#classOf(node);
    const reasons: Reason[] = [];
    let isValid = true;
    const { required, optional = {} } = await nodeClass.inputs();
    for (const [name, spec] of Object.entries({ ...required, ...optional })) {
      const value = ownValue(inputs, name);
      if (value === undefined) reasons.push(...(name in required ? [missing(name)] : []));
      else if (Array.isArray(value)) {
        const link = await this.#checkLink(name, spec, value);
        reasons.push(...link.reasons);
        isValid &&= link.isValid;
      } else reasons.push(...this.#checkLiteral(nodeClass, inputs, name, spec));
    }
    reasons.push(...(await customReasons(nodeClass, inputs)));
    return { isValid: isValid && reasons.length === 0, reasons };
  }

  async #checkLink(name: string, spec: InputSpec, value: Json[]): Promise<Verdict> {
    const config = { input_name: name, input_config: spec };
    const [source, slot] = value;
    if (source === undefined || slot === undefined || value.length !== 2) {
      const message = "Bad linked input, must be a length-2 list of [node_id, slot_index]";
      return failed("bad_linked_input", message, name, { ...config, received_value: value });
    }
    const received = outputType(this.#classOf(this.#node(source)), slot);
    if (received !== "*" && spec[0] !== "*" && received !== spec[0]) {
      const details = `${name}, received_type(${received}) mismatch input_type(${pythonStr(spec[0])})`;
      const extra = { ...config, received_type: received, linked_node: value };
      return failed(
        "return_type_mismatch",
        "Return type mismatch between linked nodes",
        details,
        extra,
      );
    }
    return await this.#checkSource(pythonStr(source), { ...config, linked_node: value });
  }

  async #checkSource(nodeId: string, extra: JsonObject): Promise<Verdict> {
    try {
      const { isValid } = await this.validate(nodeId);
      return { isValid, reasons: [] };
    } catch (thrown) {
      const type = "exception_during_inner_validation";
      const reason = exceptionReason(type, "Exception when validating inner node", thrown, extra);
      this.verdicts.set(nodeId, { isValid: false, reasons: [reason] });
      return { isValid: false, reasons: [] };
    }
  }

  #checkLiteral(
    nodeClass: NodeClass,
    inputs: JsonObject,
    name: string,
    spec: InputSpec,
  ): readonly Reason[] {
    const given = inputs[name] ?? null;
    const value =
      isJsonObject(given) && "__value__" in given ? (given["__value__"] ?? null) : given;
    const config = { input_name: name, input_config: spec, received_value: value };
    try {
      inputs[name] = castValue(spec[0], value);
    } catch (thrown) {
      const { message } = describeThrown(thrown);
      const summary = `Failed to convert an input value to a ${String(spec[0])} value`;
      const details = `${name}, ${pythonStr(value)}, ${message}`;
      const extra = { ...config, exception_message: message };
      return [{ type: "invalid_input_type", message: summary, details, extra_info: extra }];
    }
    if (nodeClass.validate !== undefined) return [];
    const cast = inputs[name] ?? null;
    const bounds = boundReasons(name, spec, cast);
    return bounds.length > 0 ? bounds : comboReasons(name, spec, cast, this.#context.isNewer);
  }

  #node(nodeId: Json): JsonObject {
    const node = typeof nodeId === "string" ? ownValue(this.#prompt, nodeId) : undefined;
    if (!isJsonObject(node)) throw new PythonError("KeyError", pythonRepr(nodeId));
    return node;
  }

  #classOf(node: JsonObject): NodeClass {
    const classType = pythonStr(ownValue(node, "class_type") ?? null);
    const nodeClass = this.#context.nodes.get(classType);
    if (nodeClass === undefined) throw new PythonError("KeyError", `'${classType}'`);
    return nodeClass;
  }
}

/** A reason that describes a thrown error. */
export function exceptionReason(
  type: string,
  message: string,
  thrown: unknown,
  extra: JsonObject = {},
): Reason {
  const { exceptionType, message: text, traceback } = describeThrown(thrown);
  const extraInfo = {
    ...extra,
    exception_message: text,
    exception_type: exceptionType,
    traceback,
  };
  return { type, message, details: text, extra_info: extraInfo };
}

function missing(name: string): Reason {
  return {
    type: "required_input_missing",
    message: "Required input is missing",
    details: name,
    extra_info: { input_name: name },
  };
}

function failed(type: string, message: string, details: string, extra: JsonObject): Verdict {
  return { isValid: false, reasons: [{ type, message, details, extra_info: extra }] };
}

function outputType(nodeClass: NodeClass, slot: Json): string {
  if (typeof slot !== "number" || !Number.isInteger(slot)) {
    throw new PythonError("TypeError", "tuple indices must be integers or slices");
  }
  const type = nodeClass.outputs.at(slot);
  if (type === undefined) throw new PythonError("IndexError", "tuple index out of range");
  return type;
}

async function customReasons(nodeClass: NodeClass, inputs: JsonObject): Promise<Reason[]> {
  const wrong = (await nodeClass.validate?.(inputs)) ?? {};
  return Object.entries(wrong).map(([name, what]) => ({
    type: "custom_validation_failed",
    message: "Custom validation failed for node",
    details: `${name} - ${what}`,
    extra_info: { input_name: name },
  }));
}
