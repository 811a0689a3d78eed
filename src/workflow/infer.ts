import type { TaskType } from "../domain/task.js";
import type { SidecarParameter } from "./read/sidecar.js";
import type { ModelNeed, Prompt } from "./workflow.js";

/** A node that takes an input file, and its field that names the file. */
export interface InputPlace {
  readonly node: string;
  readonly field: string;
}

/** The nodes that load an uploaded picture or video. */
export function inferInputs(prompt: Prompt): readonly InputPlace[] {
  return Object.entries(prompt).flatMap(([node, { class_type }]) => {
    const field = LOADERS.get(class_type);
    return field === undefined ? [] : [{ node, field }];
  });
}

/** The nodes that save a file: those with a prefix for its name. */
export function inferResults(prompt: Prompt): readonly string[] {
  return Object.keys(prompt).filter((id) => prompt[id]?.inputs["filename_prefix"] !== undefined);
}

/**
 * The task type that a workflow takes, from the class of its input node; undefined for a class that
 * is not known here.
 */
export function inferType(classType: string): TaskType | undefined {
  if (!LOADERS.has(classType)) return undefined;
  return classType === "LoadImage" ? "image" : "video";
}

/** The literals that name a model file. */
export function inferModels(prompt: Prompt): readonly ModelNeed[] {
  return Object.entries(prompt).flatMap(([node, { class_type, inputs }]) =>
    Object.entries(inputs).flatMap(([input, value]) =>
      typeof value === "string" && namesModel(input, value)
        ? [{ node, input, classType: class_type, value }]
        : [],
    ),
  );
}

/** Whether an input's text is the name of a model file. */
export function namesModel(input: string, value: string): boolean {
  return input === "model_name" || MODEL_FILE.test(value);
}

/**
 * The literals that clients usually want to set, by parameter name. If two have the same name, the
 * id of their node is added.
 */
export function inferParameters(prompt: Prompt): { readonly [name: string]: SidecarParameter } {
  const found = Object.entries(prompt).flatMap(([node, { inputs }]) =>
    Object.keys(inputs).flatMap((input) => {
      const known = Object.hasOwn(PARAMETERS, input) ? PARAMETERS[input] : undefined;
      const literal = typeof inputs[input] === "number";
      return known === undefined || !literal ? [] : [{ node, input, known }];
    }),
  );
  const isTwice = (name: string) => found.filter(({ known }) => known.name === name).length > 1;
  return Object.fromEntries(
    found.map(({ node, input, known: { name, ...rest } }) => [
      isTwice(name) ? `${name}_${node.replace(/[^a-z0-9]/gi, "_").toLowerCase()}` : name,
      { description: "", random: false, optional: false, ...rest, node, input },
    ]),
  );
}

const LOADERS: ReadonlyMap<string, string> = new Map([
  ["LoadImage", "image"],
  ["LoadVideo", "file"],
  ["VHS_LoadVideo", "video"],
]);

const MODEL_FILE = /\.(safetensors|sft|gguf|ckpt|pth|pt|bin|onnx)$/i;

// Every sampler takes a seed of 32 bits; larger ranges differ from node to node.
const SEED = {
  name: "seed",
  type: "integer",
  random: true,
  minimum: 0,
  maximum: 2 ** 32 - 1,
} as const;

const PARAMETERS: {
  readonly [input: string]: { readonly name: string } & Partial<SidecarParameter>;
} = {
  seed: SEED,
  noise_seed: SEED,
  resolution: { name: "resolution", type: "integer", minimum: 1 },
  scale_by: { name: "scale", type: "number", minimum: 0 },
};
