import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { beforeAll, expect, it } from "vitest";
import { bindPrompt } from "../../../src/workflow/bind/bind-prompt.js";
import { carriesAlpha } from "../../../src/workflow/bind/carries-alpha.js";
import { WorkflowCatalog } from "../../../src/workflow/catalog/catalog.js";
import { missingFor } from "../../../src/workflow/check/missing-for.js";
import type { NodeClasses } from "../../../src/workflow/node-info.js";
import { resolveParameters } from "../../../src/workflow/resolve-parameters.js";
import { variantsOf } from "../../../src/workflow/variants.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";
import { recordedClasses } from "./object-info.js";

const DIRECTORY = fileURLToPath(new URL("../../../workflows", import.meta.url));
/** Those that need more than what is recorded here; shipped-variants.test.ts has their servers. */
const ELSEWHERE = ["anime_video_1920", "flashvsr_video", "relayvsr_video"];
const NAMES = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.replace(".json", ""))
  .filter((name) => !ELSEWHERE.includes(name));

const GPU = recordedClasses("core", "core-more", "seedvr2");
const CPU = withModels(recordedClasses("core"), ["anime4k-cnn-x2", "anime4k-cnn-x4"]);

const isForCpu = (name: string) => name.startsWith("cpu_");

async function loadAll(models = {}): Promise<WorkflowCatalog> {
  const logger = pino({ level: "silent" });
  const defaults = { image: [], video: [] };
  await using catalog = await WorkflowCatalog.load(DIRECTORY, { logger, defaults, models });
  expect(catalog.problems()).toEqual([]);
  return catalog;
}

let shipped: WorkflowCatalog;
beforeAll(async () => {
  shipped = await loadAll();
});

function load(name: string, catalog = shipped): Workflow {
  const workflow = catalog.find(name);
  if (workflow === undefined) throw new Error(`Workflow "${name}" is not there`);
  return workflow;
}

it.each(NAMES)(
  "%s runs on the servers it is for, on no others, and leaves nothing to guesses",
  (name) => {
    const workflow = load(name);
    expect(workflow.inferred).toEqual([]);
    const [own, other] = isForCpu(name) ? [CPU, GPU] : [GPU, CPU];
    expect(missingFor(workflow, { classes: own })).toEqual([]);
    expect(missingFor(workflow, { classes: other })).not.toEqual([]);
  },
);

it.each(NAMES.filter((name) => !isForCpu(name)))("%s runs on newer servers, too", (name) => {
  const classes = recordedClasses("core", "core-more", "core-2026", "seedvr2");
  expect(missingFor(load(name), { classes })).toEqual([]);
});

it.each(NAMES)(
  "%s stays within what its nodes take with every choice of its parameters",
  (name) => {
    const workflow = load(name);
    const classes = isForCpu(name) ? CPU : withModels(GPU, ESRGAN_MODELS);
    for (const { name: parameter, options = [], minimum, maximum } of workflow.parameters) {
      for (const value of [...options, minimum, maximum]) {
        if (value === undefined) continue;
        expect(missingFor(workflow, { classes }, { [parameter]: value }), parameter).toEqual([]);
      }
    }
  },
);

const ESRGAN_MODELS = [
  "RealESRGAN_x2.pth",
  "RealESRGAN_x2plus.pth",
  "RealESRGAN_x4plus.pth",
  "4x-UltraSharp.pth",
];

it.each(NAMES)("%s has a low-memory profile that its nodes take, where it has one", (name) => {
  const workflow = load(name);
  const low = { ...workflow, prompt: bind(workflow, true) };
  expect(missingFor(low, { classes: isForCpu(name) ? CPU : GPU })).toEqual([]);
  expect(workflow.lowMemory !== undefined).toBe(name.startsWith("seedvr2"));
});

it.each(NAMES.filter((name) => name.includes("image")))("%s keeps alpha", (name) => {
  for (const { graph } of variantsOf(load(name))) expect(carriesAlpha(graph)).toBe(true);
});

it.each(NAMES.filter((name) => name.includes("video")))("%s keeps frame rate and audio", (name) => {
  const { prompt } = load(name);
  const nodes = Object.entries(prompt);
  const [parts] = nodes.find(([, node]) => node.class_type === "GetVideoComponents") ?? [];
  const create = nodes.find(([, node]) => node.class_type === "CreateVideo")?.[1];
  expect(create?.inputs).toMatchObject({ fps: [parts, 2], audio: [parts, 1] });
});

it("esrgan_image_2x runs on a CPU server when its model is mapped", async () => {
  const workflow = load(
    "esrgan_image_2x",
    await loadAll({ "RealESRGAN_x2.pth": "anime4k-cnn-x2" }),
  );
  expect(missingFor(workflow, { classes: CPU })).toEqual([]);
});

it("the old names stand for one workflow per type", () => {
  const workflows = NAMES.map((name) => load(name));
  const aliases = workflows.flatMap(({ name, type, aliases }) =>
    aliases.map((alias) => `${alias} ${type}: ${name}`),
  );
  expect(aliases.sort()).toEqual([
    "ESRGANDefeat image: esrgan_image_2x",
    "ESRGANDefeat video: esrgan_video_1920",
    "SeedVR2Defeat image: seedvr2_image_2048",
    "SeedVR2Defeat video: seedvr2_video_1080",
  ]);
});

function bind(workflow: Workflow, lowMemory: boolean): Prompt {
  const resolved = resolveParameters(workflow, {}, {}, () => 0.5);
  if ("violations" in resolved) throw new Error(JSON.stringify(resolved.violations));
  return bindPrompt(workflow, {
    inputName: "in.bin",
    filenamePrefix: "out",
    parameters: resolved.values,
    lowMemory,
    input: { mediaType: "video/mp4", sizeBytes: 1, width: 1280, height: 720 },
  });
}

function withModels(classes: NodeClasses, models: readonly string[]): NodeClasses {
  const loader = {
    input: { required: { model_name: [models] as const } },
    output: ["UPSCALE_MODEL"],
  };
  return new Map([...classes, ["UpscaleModelLoader", loader]]);
}
