import type { Violation } from "../domain/errors.js";
import type { Json } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { checkValue } from "./check-value.js";
import { ownValue } from "./node-info.js";
import type { Workflow, WorkflowParameter } from "./workflow.js";

/** Values by parameter name. */
export type ParameterValues = { readonly [name: string]: Json };

/** Fields of older requests. Each stands for a parameter, if the workflow has it. */
export interface LegacyFields {
  readonly outscale?: Json;
  readonly outputMagnification?: Json;
  readonly resolution?: Json;
}

/** A value for each of a workflow's parameters, or everything that is wrong with those given. */
export type ResolvedParameters =
  | { readonly values: ParameterValues }
  | { readonly violations: readonly Violation[] };

/**
 * Fills in a workflow's parameters: what is given, else what an older field says, else the default,
 * else a random value. Null is the same as not given. Older fields were never checked, so one that
 * the parameter cannot take counts as not given. An optional parameter that is not given gets no value.
 *
 * @param random gives numbers from 0 (inclusive) to 1 (exclusive), as `Math.random` does
 */
export function resolveParameters(
  workflow: Workflow,
  given: ParameterValues,
  legacy: LegacyFields,
  random: () => number,
): ResolvedParameters {
  const violations: Violation[] = unknownNames(workflow, given);
  const values: Record<string, Json> = {};
  for (const parameter of workflow.parameters) {
    const value = ownValue(given, parameter.name) ?? fallback(parameter, legacy, random);
    if (value === undefined) continue;
    const checked = checkValue(parameter, value);
    if ("value" in checked) values[parameter.name] = checked.value;
    else {
      const field = `parameters.${parameter.name}`;
      violations.push({ field, message: `${field} ${checked.problem}` });
    }
  }
  return violations.length > 0 ? { violations } : { values };
}

/** The JSON schema (2020-12) of the parameters in a request. */
export function parametersSchema(workflow: Workflow): { readonly [key: string]: Json } {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(
      workflow.parameters.map((parameter) => [parameter.name, parameterSchema(parameter)]),
    ),
  };
}

function parameterSchema(parameter: WorkflowParameter): Json {
  const { type, description, minimum, maximum, options } = parameter;
  return defined({
    type,
    description: description || undefined,
    default: parameter.default,
    minimum,
    maximum,
    enum: options,
  });
}

function unknownNames(workflow: Workflow, given: ParameterValues): Violation[] {
  const known = workflow.parameters.map(({ name }) => name);
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      field: `parameters.${name}`,
      message: `Workflow "${workflow.name}" has no parameter "${name}"; it has ${known.join(", ") || "none"}`,
    }));
}

function fallback(
  parameter: WorkflowParameter,
  legacy: LegacyFields,
  random: () => number,
): Json | undefined {
  for (const value of legacyValues(parameter.name, legacy)) {
    if (value === undefined || value === null) continue;
    const checked = checkValue(parameter, value);
    if ("value" in checked) return checked.value;
  }
  if (parameter.default !== undefined || parameter.optional) return parameter.default;
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = parameter;
  return minimum + Math.floor(random() * (maximum - minimum + 1));
}

function legacyValues(name: string, legacy: LegacyFields): readonly (Json | undefined)[] {
  if (name === "resolution") return [legacy.resolution];
  if (name === "scale") return [legacy.outscale, legacy.outputMagnification];
  return [];
}
