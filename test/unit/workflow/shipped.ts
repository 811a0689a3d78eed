import { fileURLToPath } from "node:url";
import pino from "pino";
import type { InputFacts } from "../../../src/domain/task.js";
import { bindPrompt } from "../../../src/workflow/bind/bind-prompt.js";
import { WorkflowCatalog } from "../../../src/workflow/catalog/catalog.js";
import { promptProblems } from "../../../src/workflow/check/prompt-problems.js";
import type { NodeClasses } from "../../../src/workflow/node-info.js";
import {
  type ParameterValues,
  resolveParameters,
} from "../../../src/workflow/resolve-parameters.js";
import type { Prompt, Workflow, WorkflowGraph } from "../../../src/workflow/workflow.js";
import { madeUpClasses, type RecordedPack, recordedClasses } from "./object-info.js";

const DIRECTORY = fileURLToPath(new URL("../../../workflows", import.meta.url));

/** Every upscale model that a shipped workflow may ask for. */
const UPSCALE_MODELS = madeUpClasses({
  UpscaleModelLoader: {
    input: {
      required: {
        model_name: [
          ["RealESRGAN_x2plus.pth", "RealESRGAN_x4plus.pth", "realesr-animevideov3.pth"],
        ],
      },
    },
    output: ["UPSCALE_MODEL"],
  },
});

function server(...packs: readonly RecordedPack[]): NodeClasses {
  return new Map([...recordedClasses("core", "core-more", ...packs), ...UPSCALE_MODELS]);
}

/** What servers of different versions and with different packs have. */
export const SERVERS = {
  "0.3.64": server(),
  "0.3.64 with the SeedVR2 pack": server("seedvr2"),
  "0.28 with native SeedVR2": server("core-0.28"),
  "0.30": server("core-0.30"),
  "0.46": server("core-0.28", "core-0.46"),
  "0.46 with the SeedVR2 pack": server("core-0.28", "core-0.46", "seedvr2"),
  "0.3.64 with FlashVSR Ultra Fast": server("flashvsr-ultra-fast"),
  "0.46 with FlashVSR Stable": server("core-0.28", "core-0.46", "flashvsr-stable"),
} as const;
export type ServerName = keyof typeof SERVERS;

const EVERYWHERE: Readonly<Record<string, true>> = Object.fromEntries(
  Object.keys(SERVERS).map((name) => [name, true]),
);
const SEEDVR2 = {
  "0.3.64 with the SeedVR2 pack": "pack",
  "0.28 with native SeedVR2": "native",
  "0.46": "native",
  "0.46 with the SeedVR2 pack": "native",
  "0.46 with FlashVSR Stable": "native",
};

/** Which variant of each workflow runs where; true: it has none and runs, left out: it does not run. */
export const RUNS: { readonly [workflow: string]: { readonly [server: string]: string | true } } = {
  anime_video_1920: EVERYWHERE,
  esrgan_image_2x: EVERYWHERE,
  esrgan_image_4x: EVERYWHERE,
  esrgan_video_1920: EVERYWHERE,
  esrgan_video_3840: EVERYWHERE,
  flashvsr_video: {
    "0.3.64 with FlashVSR Ultra Fast": "ultra_fast",
    "0.46 with FlashVSR Stable": "stable",
  },
  relayvsr_video: {
    "0.46": true,
    "0.46 with the SeedVR2 pack": true,
    "0.46 with FlashVSR Stable": true,
  },
  seedvr2_image_2048: SEEDVR2,
  seedvr2_image_4096: SEEDVR2,
  seedvr2_video_1080: SEEDVR2,
};

const catalog = await WorkflowCatalog.load(DIRECTORY, {
  logger: pino({ level: "silent" }),
  defaults: { image: [], video: [] },
});
await catalog[Symbol.asyncDispose]();

/** All shipped workflows. @throws Error where one cannot be used */
export function loadAll(): readonly Workflow[] {
  if (catalog.problems().length > 0) throw new Error(JSON.stringify(catalog.problems()));
  return catalog.list();
}

/** A shipped workflow. */
export function load(name: string): Workflow {
  const workflow = catalog.find(name);
  if (workflow === undefined) throw new Error(`Workflow "${name}" is not there`);
  return workflow;
}

/** Each workflow with each server that runs it, and what runs there. */
export const PLACES = Object.entries(RUNS).flatMap(([workflow, servers]) =>
  Object.entries(servers).map(
    ([name, variant]) => [workflow, name as ServerName, variant] as const,
  ),
);

/** Of an input with alpha. */
export const FACTS: InputFacts = {
  ...{ mediaType: "image/png", sizeBytes: 1, width: 1000, height: 562 },
  hasAlpha: true,
};

/** Parameters as a task has them. */
export function values(workflow: Workflow, given: ParameterValues = {}): ParameterValues {
  const resolved = resolveParameters(workflow, given, {}, () => 0.5);
  if ("violations" in resolved) throw new Error(JSON.stringify(resolved.violations));
  return resolved.values;
}

/** The prompt of a task. */
export function bind(
  graph: WorkflowGraph,
  parameters: ParameterValues,
  classes: NodeClasses,
  { lowMemory = false, input = FACTS } = {},
): Prompt {
  const files = { inputName: "in.bin", filenamePrefix: "out" };
  return bindPrompt(graph, { ...files, parameters, lowMemory, classes, input });
}

/** What a server would say against the prompt of a task. */
export function problems(
  graph: WorkflowGraph,
  prompt: Prompt,
  classes: NodeClasses,
): readonly string[] {
  const { inputNode, inputField, models } = graph;
  const isFilledIn = (node: string, input: string) => node === inputNode && input === inputField;
  return promptProblems(prompt, classes, { isFilledIn, models });
}
