import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/task.js";
import { missingFor, variantOn } from "../../../src/workflow/check/missing-for.js";
import type { ParameterValues } from "../../../src/workflow/resolve-parameters.js";
import { onlyVariant, variantsOf } from "../../../src/workflow/variants.js";
import type { WorkflowGraph } from "../../../src/workflow/workflow.js";
import { recordedClasses } from "./object-info.js";
import {
  bind,
  FACTS,
  load,
  loadAll,
  PLACES,
  problems,
  RUNS,
  SERVERS,
  type ServerName,
  values,
} from "./shipped.js";

describe("every shipped workflow but those for the built-in server", () => {
  it("is in the table", () => {
    const names = loadAll().map(({ name }) => name);
    expect(Object.keys(RUNS).sort()).toEqual(names.filter((name) => !name.startsWith("cpu_")));
  });

  it("runs on the servers that it is for, as the variant that is meant, and on no others", () => {
    const found = Object.keys(RUNS).map((name) => {
      const places = Object.entries(SERVERS).flatMap(([place, classes]) => {
        const variant = variantOn(load(name), { classes });
        return variant === undefined ? [] : [[place, variant.name ?? true]];
      });
      return [name, Object.fromEntries(places)];
    });
    expect(Object.fromEntries(found)).toEqual(RUNS);
  });

  it("leaves nothing of its variants to guesses", () => {
    for (const name of Object.keys(RUNS)) expect(load(name).inferred).toEqual([]);
  });
});

describe.each(PLACES)("%s on ComfyUI %s", (name, place) => {
  const classes = SERVERS[place];

  it("is a prompt that the server takes, with and without low memory and alpha", () => {
    const workflow = load(name);
    const variant = variantOn(workflow, { classes });
    if (variant === undefined) throw new Error("It does not run");
    const { hasAlpha: _, ...opaque } = FACTS;
    for (const lowMemory of [false, true]) {
      for (const input of [FACTS, opaque]) {
        const prompt = bind(variant.graph, values(workflow), classes, { lowMemory, input });
        expect(problems(variant.graph, prompt, classes)).toEqual([]);
        const joins = Object.values(prompt).filter(
          (node) => node.class_type === "JoinImageWithAlpha",
        );
        expect(joins).toHaveLength(workflow.type === "image" && "hasAlpha" in input ? 1 : 0);
      }
    }
  });

  it("takes every value of its own parameters", () => {
    const workflow = load(name);
    const only = onlyVariant(workflow, variantOn(workflow, { classes })?.name ?? "");
    for (const { name: parameter, options = [], minimum, maximum } of variantsOf(only)[0].graph
      .parameters) {
      for (const value of [...options, minimum, maximum]) {
        if (value === undefined || isUnknownModel(place, value)) continue;
        expect(missingFor(only, { classes }, { [parameter]: value }), parameter).toEqual([]);
      }
    }
  });
});

/** The servers of 0.28 have fewer files than there are networks. */
function isUnknownModel(place: ServerName, value: Json): boolean {
  return value === "7b_sharp" && place === "0.28 with native SeedVR2";
}

describe("SeedVR2 by ComfyUI's own nodes", () => {
  const NATIVE = SERVERS["0.28 with native SeedVR2"];

  function native(name: string): WorkflowGraph {
    return variantsOf(onlyVariant(load(name), "native"))[0].graph;
  }

  it.each([
    ["seedvr2_image_2048", undefined, 3644, 2048],
    ["seedvr2_image_4096", undefined, 4500, 2530],
    ["seedvr2_video_1080", undefined, 1922, 1080],
    ["seedvr2_video_1080", 90, 1922, 1080],
  ] as const)(
    "%s makes the size that the pack makes (turned by %s)",
    (name, turn, width, height) => {
      const input = { ...FACTS, ...(turn && { rotationDegrees: turn }) };
      const prompt = bind(native(name), values(load(name)), NATIVE, { input });
      expect(prompt["3"]?.inputs).toMatchObject({ width, height });
    },
  );

  it("takes the best files that the server has", () => {
    const picture = bind(native("seedvr2_image_4096"), values(load("seedvr2_image_4096")), NATIVE);
    expect(picture["6"]?.inputs["unet_name"]).toBe("seedvr2_7b_fp8_e4m3fn.safetensors");
    expect(picture["5"]?.inputs["vae_name"]).toBe("ema_vae_fp16.safetensors");
    const film = load("seedvr2_video_1080");
    const small = bind(native(film.name), values(film, { model: "3b" }), NATIVE);
    expect(small["6"]?.inputs["unet_name"]).toBe("seedvr2_3b_int8_convrot.safetensors");
    const newest = bind(native(film.name), values(film), SERVERS["0.46"]);
    expect(newest["6"]?.inputs["unet_name"]).toBe("seedvr2_7b_int8_convrot.safetensors");
    expect(newest["5"]?.inputs["vae_name"]).toBe("seedvr2_ema_vae_fp16.safetensors");
  });

  it("says which files are missing, and where they belong", () => {
    const bare = new Map([...NATIVE, ...recordedClasses("core-more")]);
    const missing = missingFor(onlyVariant(load("seedvr2_image_2048"), "native"), {
      classes: bare,
    });
    expect(missing).toEqual([
      expect.stringMatching(
        /Model "seedvr2_ema_vae_fp16\.safetensors" or "ema_vae_fp16\.safetensors" is missing .*belongs into models\/vae$/,
      ),
      expect.stringMatching(/"seedvr2_7b_int8_convrot.*belongs into models\/diffusion_models$/),
    ]);
  });

  it("cuts films into chunks of 4n+1 frames by hand, smaller ones for little memory", () => {
    const film = load("seedvr2_video_1080");
    const frames = "chunking_mode.frames_per_chunk";
    const chunk = (given: ParameterValues, lowMemory = false) =>
      bind(native(film.name), values(film, given), NATIVE, { lowMemory })["8"]?.inputs;
    expect(chunk({})).toMatchObject({
      chunking_mode: "manual",
      temporal_overlap: 1,
      [frames]: 21,
    });
    expect(chunk({}, true)).toMatchObject({ [frames]: 9, temporal_overlap: 1 });
    expect(chunk({ batch_size: 33 })).toMatchObject({ [frames]: 33 });
    const { options = [] } = film.parameters.find(({ name }) => name === "batch_size") ?? {};
    for (const option of options) expect((Number(option) - 1) % 4).toBe(0);
  });

  it("leaves what only the pack can do to the pack", () => {
    const film = load("seedvr2_video_1080");
    const both = { classes: SERVERS["0.46 with the SeedVR2 pack"] };
    for (const given of [{ color_correction: "hsv" }, { model: "seedvr2_ema_7b_fp16.safetensors" }])
      expect(variantOn(film, both, values(film, given))?.name).toBe("pack");
    expect(variantOn(film, both, values(film, { model: "7b" }))?.name).toBe("native");
  });

  it("joins alpha before it scales, so that it is put back behind the network", () => {
    const prompt = bind(native("seedvr2_image_2048"), values(load("seedvr2_image_2048")), NATIVE);
    expect(prompt["3"]?.inputs["image"]).toEqual(["2", 0]);
    expect(prompt["11"]?.inputs["original_resized_images"]).toEqual(["3", 0]);
  });
});

describe("films", () => {
  const FILMS = PLACES.filter(([name]) => name.includes("video"));

  function graphOn(name: string, place: ServerName): WorkflowGraph {
    const variant = variantOn(load(name), { classes: SERVERS[place] });
    if (variant === undefined) throw new Error("It does not run");
    return variant.graph;
  }

  it.each(FILMS)(
    "%s on ComfyUI %s keeps frame rate and audio, and says where its frames are",
    (name, place) => {
      const { prompt, frames, resultNode } = graphOn(name, place);
      const decoded = frames?.decoded ?? "";
      expect(prompt[decoded]?.class_type).toBe("GetVideoComponents");
      const [created] = Object.entries(prompt).find(
        ([, node]) => node.class_type === "CreateVideo",
      ) ?? [""];
      expect(prompt[resultNode]?.inputs["video"]).toEqual([created, 0]);
      expect(prompt[created]?.inputs).toMatchObject({ fps: [decoded, 2], audio: [decoded, 1] });
      const made = prompt[frames?.made ?? ""]?.class_type ?? "";
      const output = SERVERS[place].get(made)?.output;
      expect(output?.[0]).toBe("IMAGE");
    },
  );

  it.each(FILMS)("%s on ComfyUI %s is encoded at crf 14, or as is asked", (name, place) => {
    const graph = graphOn(name, place);
    const saved = (given: ParameterValues) =>
      bind(graph, values(load(name), given), SERVERS[place])[graph.resultNode]?.inputs;
    const form = { format: "mp4", codec: "h264", "codec.encoding": "re-encode" };
    expect(saved({})).toMatchObject({ ...form, "codec.encoding.crf": 14 });
    expect(saved({ quality: 30 })).toMatchObject({ ...form, "codec.encoding.crf": 30 });
  });

  it("FlashVSR by Ultra Fast gets 7 frames more and edges of 64n, and gives all of that back", () => {
    const place = "0.3.64 with FlashVSR Ultra Fast";
    const graph = graphOn("flashvsr_video", place);
    const bound = (scale: number) =>
      bind(graph, values(load("flashvsr_video"), { scale }), SERVERS[place]);
    const prompt = bound(2);
    expect(prompt["3"]?.inputs).toMatchObject({ width: 1024, height: 576 });
    expect(prompt["4"]?.inputs).toMatchObject({ image: ["3", 0], batch_index: 4095, length: 1 });
    expect(prompt["5"]?.inputs).toMatchObject({ image: ["4", 0], amount: 7 });
    expect(prompt["6"]?.inputs).toEqual({ image1: ["3", 0], image2: ["5", 0] });
    expect(prompt["7"]?.inputs).toMatchObject({ frames: ["6", 0], tiled_dit: false });
    expect(prompt["8"]?.inputs["image"]).toEqual(["2", 0]);
    expect(prompt["9"]?.inputs).toEqual({ image: ["7", 0], batch_index: 0, length: ["8", 2] });
    expect(prompt["13"]?.inputs).toMatchObject({ width: ["12", 0], height: ["12", 1] });
    for (const scale of [2, 4]) {
      const { "7": network, "11": size } = bound(scale);
      expect([network?.inputs["scale"], size?.inputs["scale_by"]]).toEqual([scale, scale]);
    }
  });

  it("RelayVSR takes the decoder of its network", () => {
    const place = "0.46";
    const graph = graphOn("relayvsr_video", place);
    const files = [2, 4].map((scale) => {
      const prompt = bind(graph, values(load("relayvsr_video"), { scale }), SERVERS[place]);
      return [prompt["3"]?.inputs["unet_name"], prompt["4"]?.inputs["vae_name"]];
    });
    expect(files).toEqual([
      ["relayvsr_x2_lightx2v_int8_convrot.safetensors", "relayvsr_flash_vae_x2_fp32.safetensors"],
      ["relayvsr_x4_int8_convrot.safetensors", "relayvsr_flash_vae_x4_fp32.safetensors"],
    ]);
  });

  it.each([
    ["esrgan_video_1920", 1920, 1080],
    ["esrgan_video_3840", 3840, 2158],
    ["anime_video_1920", 1920, 1080],
  ])("%s is made as large as its name says", (name, width, height) => {
    const prompt = bind(load(name), values(load(name)), SERVERS["0.3.64"]);
    expect(prompt["5"]?.inputs).toMatchObject({ width, height });
  });
});

describe("SeedVR2 by its node pack", () => {
  const PACK = SERVERS["0.3.64 with the SeedVR2 pack"];
  const NAMES = Object.keys(RUNS).filter((name) => name.startsWith("seedvr2"));

  const inputsOf = (name: string, classType: string, given: ParameterValues, lowMemory = false) => {
    const prompt = bind(load(name), values(load(name), given), PACK, { lowMemory });
    return Object.values(prompt).find((node) => node.class_type === classType)?.inputs ?? {};
  };

  it.each(["SeedVR2LoadDiTModel", "SeedVR2LoadVAEModel"])(
    "keeps what %s loads for the next prompt, but where memory is short",
    (loader) => {
      for (const name of NAMES) {
        for (const memory of ["low", "24gb"])
          expect(inputsOf(name, loader, { memory })).toMatchObject({
            cache_model: true,
            // The pack refuses to keep what it cannot put away.
            offload_device: "cpu",
          });
        expect(inputsOf(name, loader, {}, true)).toMatchObject({ cache_model: false });
      }
    },
  );

  it("computes few frames of a film twice, with small batches too", () => {
    const film = "seedvr2_video_1080";
    const sizes = load(film).parameters.find(({ name }) => name === "batch_size")?.options ?? [];
    const runs = [...sizes.map((batch_size) => ({ batch_size })), {}].map((given) =>
      inputsOf(film, "SeedVR2VideoUpscaler", given),
    );
    for (const run of [...runs, inputsOf(film, "SeedVR2VideoUpscaler", {}, true)]) {
      const [batch, overlap] = [Number(run["batch_size"]), Number(run["temporal_overlap"])];
      expect(batch / (batch - overlap), `${overlap} of ${batch}`).toBeLessThan(1.31);
    }
    expect(inputsOf(film, "SeedVR2VideoUpscaler", {})).toMatchObject({
      batch_size: 33,
      temporal_overlap: 3,
    });
  });
});
