import type { Json } from "../domain/task.js";
import type { WorkflowParameter } from "./workflow.js";

/** A value as its parameter takes it, or what is wrong with it (`must be ...`). */
export type CheckedValue = { readonly value: Json } | { readonly problem: string };

/** Checks a value against a parameter's type, options and range. A number may come as a text, `"2"`. */
export function checkValue(parameter: WorkflowParameter, given: Json): CheckedValue {
  const value = isNumeric(parameter) ? numberOf(given) : given;
  const problem =
    typeProblem(parameter, value) ??
    optionProblem(parameter, value) ??
    rangeProblem(parameter, value);
  return problem === undefined ? { value } : { problem };
}

function isNumeric({ type }: WorkflowParameter): boolean {
  return type === "integer" || type === "number";
}

function numberOf(given: Json): Json {
  return typeof given === "string" && /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(given)
    ? Number(given)
    : given;
}

function typeProblem({ type }: WorkflowParameter, value: Json): string | undefined {
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value) ? undefined : "must be a whole number";
    case "number":
      return Number.isFinite(value) ? undefined : "must be a number";
    case "string":
      return typeof value === "string" ? undefined : "must be a text";
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
  }
}

function optionProblem({ options }: WorkflowParameter, value: Json): string | undefined {
  if (options === undefined || options.includes(value)) return undefined;
  return `must be one of ${options.map((option) => JSON.stringify(option)).join(", ")}`;
}

function rangeProblem({ minimum, maximum }: WorkflowParameter, value: Json): string | undefined {
  if (typeof value !== "number") return undefined;
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}`;
  return undefined;
}
