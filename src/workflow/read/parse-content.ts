import { z } from "zod";
import { TaskError } from "../../domain/errors.js";
import type { Json } from "../../domain/task.js";
import type { Workflow } from "../workflow.js";
import { firstIssue } from "./first-issue.js";
import { promptSchema } from "./parse-prompt.js";

const json: z.ZodType<Json> = z.json();
const nodeInputs = z.record(z.string(), z.record(z.string(), json));

const parameter = z.strictObject({
  name: z.string(),
  type: z.enum(["integer", "number", "string", "boolean"]),
  description: z.string(),
  default: json.exactOptional(),
  optional: z.literal(true).exactOptional(),
  minimum: z.number().exactOptional(),
  maximum: z.number().exactOptional(),
  options: z.array(json).exactOptional(),
  node: z.string().exactOptional(),
  input: z.string().exactOptional(),
  choices: z.record(z.string(), nodeInputs).exactOptional(),
});

const model = z.strictObject({
  node: z.string(),
  input: z.string(),
  classType: z.string(),
  value: z.string(),
  folder: z.string().exactOptional(),
  files: z.record(z.string(), z.array(z.string())).exactOptional(),
});

const fit = z.strictObject({
  node: z.string(),
  shortestEdge: z.string().exactOptional(),
  longestEdge: z.string().exactOptional(),
  scale: z.number(),
  multiple: z.number().exactOptional(),
  upright: z.literal(true).exactOptional(),
  turned: z.string().exactOptional(),
});

const frames = z.strictObject({
  decoded: z.string(),
  made: z.string(),
  multiple: z.number().exactOptional(),
  plus: z.number().exactOptional(),
  context: z.strictObject({ before: z.number(), after: z.number() }).exactOptional(),
  join: z.enum(["trim", "crossfade"]).exactOptional(),
  overlap: z.number().exactOptional(),
  copies: z.strictObject({ decoded: z.number(), made: z.number() }).exactOptional(),
  scale: z.union([z.number(), z.string()]).exactOptional(),
});

const size = z.strictObject({
  scale: z.union([z.number(), z.string()]),
  shortestEdge: z.string().exactOptional(),
  longestEdge: z.string().exactOptional(),
});

const graphFields = {
  prompt: promptSchema,
  inputNode: z.string(),
  inputField: z.string(),
  resultNode: z.string(),
  parameters: z.array(parameter),
  models: z.array(model),
  weights: z.record(z.string(), z.number()).exactOptional(),
  lowMemory: nodeInputs.exactOptional(),
  fit: fit.exactOptional(),
  alpha: z.string().exactOptional(),
  frames: frames.exactOptional(),
  size: size.exactOptional(),
};

const content = z.strictObject({
  ...graphFields,
  name: z.string(),
  title: z.string(),
  description: z.string(),
  type: z.enum(["image", "video"]),
  nodeClasses: z.array(z.string()),
  variants: z
    .array(z.strictObject({ name: z.string(), graph: z.strictObject(graphFields).exactOptional() }))
    .exactOptional(),
  inferred: z.array(z.string()),
  aliases: z.array(z.string()),
});

/** Checks that a value is a workflow's content. @throws TaskError WORKFLOW_INVALID */
export function parseContent(value: unknown): Omit<Workflow, "version"> {
  const result = content.safeParse(value);
  if (!result.success) {
    throw new TaskError(
      "WORKFLOW_INVALID",
      `Cannot read the stored workflow: ${firstIssue(result.error)}`,
    );
  }
  return result.data;
}
