import { z } from "zod";
import { invalidWorkflow } from "../invalid-workflow.js";
import { firstIssue } from "./first-issue.js";
import { parseYaml } from "./parse-text.js";

const literal = z.union([z.string(), z.number(), z.boolean()]);
const nodeInputs = z.record(z.string(), z.record(z.string(), literal));

const parameter = z.strictObject({
  /** If it is left out, the type follows from the default, the choices or the prompt. */
  type: z.enum(["integer", "number", "string", "boolean"]).optional(),
  description: z.string().default(""),
  /** If it is left out, the prompt's own value at `node` and `input`. */
  default: literal.optional(),
  /** There is no default: every task gets a value of its own. */
  random: z.boolean().default(false),
  /** No default either: where none is given, the graph keeps its own. */
  optional: z.boolean().default(false),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  options: z.array(literal).min(1).optional(),
  node: z.string().optional(),
  input: z.string().optional(),
  /** What some of the options set beside `node` and `input`; without these: what each of them sets. */
  choices: z.record(z.string(), nodeInputs).optional(),
});

const files = z.array(z.string().min(1)).min(1);

const model = z.strictObject({
  node: z.string(),
  input: z.string(),
  /** Below ComfyUI's `models`. */
  folder: z.string().min(1).optional(),
  /** The first that a server has is used: in place of the graph's own, or of the name that a parameter gives. */
  files: z.union([files, z.record(z.string(), files)]).optional(),
});

const fit = z.strictObject({
  node: z.string(),
  /** Names of parameters. */
  shortest_edge: z.string().optional(),
  longest_edge: z.string().optional(),
  scale: z.number().positive().default(1),
  multiple: z.number().int().positive().multipleOf(2).optional(),
  upright: z.boolean().default(false),
  turned: z.string().optional(),
});

/** Context costs memory and time at every border. */
const frameCount = z.number().int().nonnegative().max(256);

const frames = z.strictObject({
  decoded: z.string(),
  made: z.string(),
  multiple: z.number().int().positive().optional(),
  plus: z.number().int().nonnegative().optional(),
  context: z.strictObject({ before: frameCount, after: frameCount }).optional(),
  join: z.enum(["trim", "crossfade"]).optional(),
  /** Frames of the context before that are mixed with those of the chunk before; the join has them all in memory. */
  overlap: z.number().int().positive().max(16).optional(),
  /** How many times the frames are in memory at the peak. */
  copies: z
    .strictObject({ decoded: z.number().nonnegative(), made: z.number().nonnegative() })
    .optional(),
  /** A number, or the name of a parameter. */
  scale: z.union([z.number().positive(), z.string()]).optional(),
});

const size = z.strictObject({
  /** A number, or the name of a parameter. */
  scale: z.union([z.number().positive(), z.string()]).default(1),
  /** Names of parameters. */
  shortest_edge: z.string().optional(),
  longest_edge: z.string().optional(),
});

/** A file below the workflows directory; no step of the path goes up or is hidden. */
const graphFile = z.string().regex(/^([\w-][\w.-]*\/)*[\w-][\w.-]*\.json$/);

const sidecar = z.strictObject({
  title: z.string().optional(),
  description: z.string().optional(),
  type: z.enum(["image", "video"]).optional(),
  aliases: z.array(z.string()).default([]),
  /** Graphs for servers of different kinds by name, in the order in which they are tried; `NAME.json` is this one's own. */
  variants: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), graphFile).optional(),
  input: z.strictObject({ node: z.string(), field: z.string() }).optional(),
  result: z.string().optional(),
  parameters: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), parameter).optional(),
  models: z.array(model).optional(),
  weights: z.record(z.string(), z.number().positive()).optional(),
  low_memory: nodeInputs.optional(),
  fit: fit.optional(),
  alpha: z.string().optional(),
  frames: frames.optional(),
  size: size.optional(),
});

/** What `NAME.yaml` states of the workflow `NAME.json`; everything may be left out. */
export type Sidecar = z.infer<typeof sidecar>;
export type SidecarParameter = z.infer<typeof parameter>;

/** Reads a sidecar. Without text (no file) it states nothing. @throws TaskError WORKFLOW_INVALID */
export function parseSidecar(file: string, text = ""): Sidecar {
  const result = sidecar.safeParse(parseYaml(file, text) ?? {});
  if (!result.success) throw invalidWorkflow(file, firstIssue(result.error));
  return result.data;
}
