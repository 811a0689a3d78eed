import { type Capability, missingFor, variantOn } from "./check/missing-for.js";
import {
  isLink,
  type ModelNeed,
  type Prompt,
  type Workflow,
  type WorkflowParameter,
} from "./workflow.js";

/** What was understood of a workflow, in lines for people. */
export function describeWorkflow(workflow: Workflow): readonly string[] {
  const { inputNode, inputField, resultNode, models, inferred, variants } = workflow;
  return [
    `Workflow "${workflow.name}": ${workflow.title}`,
    `  version     ${workflow.version}`,
    `  type        ${workflow.type}`,
    `  input       ${nodeText(workflow.prompt, inputNode)}, field "${inputField}"`,
    `  result      ${nodeText(workflow.prompt, resultNode)}`,
    ...(variants === undefined
      ? []
      : [`  variants    ${variants.map(({ name }) => name).join(", ")}`]),
    ...models.flatMap(modelLines),
    ...workflow.parameters.map((parameter) => `  parameter   ${parameterText(parameter)}`),
    `  low memory  ${workflow.lowMemory === undefined ? "no profile" : "has a profile"}`,
    `  inferred    ${inferred.length === 0 ? "nothing" : inferred.join(", ")}`,
    "  nodes",
    ...Object.keys(workflow.prompt).map((id) => `    ${inputsText(workflow.prompt, id)}`),
  ];
}

/** What a server runs of a workflow where nothing else is asked for, in lines for people; none if it cannot. */
export function describeRun(workflow: Workflow, capability: Capability): readonly string[] {
  const variant = variantOn(workflow, capability);
  if (variant === undefined) return [];
  const { name, graph, prompt } = variant;
  return [
    ...(name === undefined ? [] : [`  runs        variant "${name}"`]),
    ...graph.models.map(({ node, input }) => `  uses        ${prompt[node]?.inputs[input]}`),
    ...(workflow.type === "video" ? filmLines(workflow, capability) : []),
  ];
}

function filmLines(workflow: Workflow, capability: Capability): readonly string[] {
  const missing = missingFor(workflow, capability, {}, true);
  if (missing.length === 0) return ["  films       run in chunks"];
  return ["  films       run as one prompt", ...missing.map((what) => `    ${what}`)];
}

function nodeText(prompt: Prompt, id: string): string {
  return `node ${id} (${prompt[id]?.class_type})`;
}

function modelLines({ value, classType, folder, files = {} }: ModelNeed): readonly string[] {
  const place = folder === undefined ? "" : `, in models/${folder}`;
  const alternatives = Object.entries(files).map(([name, all]) => {
    const others = all.filter((file) => file !== name).join(", ");
    return `    ${(name === value ? "or" : name).padEnd(9)} ${others}`;
  });
  return [`  model       ${value} (${classType})${place}`, ...alternatives];
}

function parameterText({ name, type, default: value, ...rest }: WorkflowParameter): string {
  const { minimum, maximum, options, optional } = rest;
  const fallback = optional ? "the graph's own" : "random";
  const range =
    minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? ""}..${maximum ?? ""}`;
  const choices = options === undefined ? "" : ` of ${options.length}`;
  return `${name}: ${type}${range}${choices}, ${value === undefined ? fallback : JSON.stringify(value)}`;
}

function inputsText(prompt: Prompt, id: string): string {
  const inputs = Object.entries(prompt[id]?.inputs ?? {}).map(([name, value]) =>
    isLink(value) ? `${name}=<${value[0]}:${value[1]}>` : `${name}=${JSON.stringify(value)}`,
  );
  return `${nodeText(prompt, id)} ${inputs.join(" ")}`.trimEnd();
}
