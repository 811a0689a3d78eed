import { describe, expect, it } from "vitest";
import { bindPrompt } from "../../../src/workflow/bind/bind-prompt.js";
import { buildWorkflow, type VariantFile } from "../../../src/workflow/build-workflow.js";
import { missingFor, variantOn } from "../../../src/workflow/check/missing-for.js";
import { describeRun, describeWorkflow } from "../../../src/workflow/describe-workflow.js";
import { parseSidecar } from "../../../src/workflow/read/sidecar.js";
import { fromContent, toContent } from "../../../src/workflow/read/workflow-content.js";
import { parametersSchema, resolveParameters } from "../../../src/workflow/resolve-parameters.js";
import { graphNamed, onlyVariant } from "../../../src/workflow/variants.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";
import { madeUpClasses, recordedClasses } from "./object-info.js";
import { IMAGE_PROMPT } from "./workflows.js";

const CORE = recordedClasses("core");
const NATIVE = madeUpClasses({
  Native: {
    input: {
      required: {
        image: ["IMAGE"],
        size: ["INT", { max: 4096 }],
        method: [["lab", "none"]],
        chunk: ["INT"],
      },
    },
    output: ["IMAGE"],
  },
});
const NEWER = new Map([...CORE, ...NATIVE]);

const NATIVE_PROMPT: Prompt = {
  "1": { class_type: "LoadImage", inputs: { image: "input.png" } },
  "7": {
    class_type: "Native",
    inputs: { image: ["1", 0], size: 512, method: "lab", chunk: 21 },
  },
  "9": { class_type: "SaveImage", inputs: { images: ["7", 0], filename_prefix: "x" } },
};

const NATIVE_SIDECAR = `
parameters:
  size: { node: "7", input: size }
  method: { node: "7", input: method }
  chunk: { node: "7", input: chunk }
low_memory: { "7": { chunk: 9 } }
`;

/** The pack's own graph takes a method that the native one does not. */
const OWN_PROMPT: Prompt = {
  ...IMAGE_PROMPT,
  "3": {
    class_type: "ImageScaleBy",
    inputs: { image: ["1", 0], upscale_method: "area", scale_by: 2 },
  },
};

const OWN_SIDECAR = `
variants: { native: variants/test.native.json, pack: test.json }
parameters:
  size: { default: 1024, maximum: 4096 }
  method: { default: lab, options: [lab, hsv, none] }
  chunk: { type: integer, optional: true }
  scale: { node: "3", input: scale_by }
`;

function build(
  sidecar = OWN_SIDECAR,
  native: Partial<VariantFile> & { readonly yaml?: string } = {},
): Workflow {
  const { yaml = NATIVE_SIDECAR, ...rest } = native;
  return buildWorkflow(
    "test",
    OWN_PROMPT,
    parseSidecar("test.yaml", sidecar),
    {},
    {
      "variants/test.native.json": {
        name: "variants/test.native",
        prompt: NATIVE_PROMPT,
        sidecar: parseSidecar("native.yaml", yaml),
        ...rest,
      },
    },
  );
}

const MIXED = build();

describe("a workflow with variants", () => {
  it("runs on a server as the first that the server can run", () => {
    expect(variantOn(MIXED, { classes: CORE })?.name).toBe("pack");
    expect(variantOn(MIXED, { classes: NEWER })?.name).toBe("native");
    expect(variantOn(MIXED, { classes: new Map() })).toBeUndefined();
    for (const classes of [CORE, NEWER]) expect(missingFor(MIXED, { classes })).toEqual([]);
  });

  it("runs as another where the first cannot take what is asked for", () => {
    expect(variantOn(MIXED, { classes: NEWER }, { method: "hsv" })?.name).toBe("pack");
    expect(missingFor(onlyVariant(MIXED, "native"), { classes: NEWER }, { method: "hsv" })).toEqual(
      ['Variant "native": Choice "hsv" is missing in input "method" of node class "Native"'],
    );
  });

  it("lacks on a server what each of them lacks there", () => {
    expect(missingFor(MIXED, { classes: NATIVE })).toEqual([
      'Variant "native": Node class "LoadImage" is missing',
      'Variant "native": Node class "SaveImage" is missing',
      'Variant "pack": Node class "LoadImage" is missing',
      'Variant "pack": Node class "UpscaleModelLoader" is missing',
      'Variant "pack": Node class "ImageScaleBy" is missing',
      'Variant "pack": Node class "SaveImage" is missing',
    ]);
  });

  it("needs to be asked for the classes of all", () => {
    expect(MIXED.nodeClasses).toEqual([
      ...["ImageScaleBy", "LoadImage", "Native", "SaveImage", "UpscaleModelLoader"],
    ]);
  });

  it("sets parameters in the graph that runs; an optional one that is not given stays the graph's", () => {
    const resolved = resolveParameters(MIXED, { size: 2048 }, {}, Math.random);
    expect(resolved).toEqual({ values: { size: 2048, method: "lab", scale: 2 } });
    const values = "values" in resolved ? resolved.values : {};
    const binding = { inputName: "in.png", filenamePrefix: "out", lowMemory: false };
    const native = graphNamed(MIXED, "native");
    const bound = (parameters: typeof values) => bindPrompt(native, { ...binding, parameters });
    expect(bound(values)["7"]?.inputs).toMatchObject({ size: 2048, method: "lab", chunk: 21 });
    expect(bound({ ...values, chunk: 33 })["7"]?.inputs).toMatchObject({ chunk: 33 });
    expect(bound(values)["9"]?.inputs["filename_prefix"]).toBe("out");
    const low = bindPrompt(native, { ...binding, parameters: values, lowMemory: true });
    expect(low["7"]?.inputs["chunk"]).toBe(9);
    expect(parametersSchema(MIXED)).toMatchObject({
      properties: { chunk: { type: "integer" }, size: { default: 1024 } },
    });
  });

  it("is judged by its own defaults, whatever those of its graphs are", () => {
    const small = build(OWN_SIDECAR.replace("default: 1024", "default: 4096"), {
      yaml: NATIVE_SIDECAR.replace("input: size", "input: size, default: 5000"),
    });
    expect(variantOn(small, { classes: NEWER })?.prompt["7"]?.inputs["size"]).toBe(4096);
  });

  it("has one version, which changes with every graph of it, and comes back out of its content", () => {
    const content = JSON.parse(JSON.stringify(toContent(MIXED)));
    expect(fromContent(content)).toEqual(MIXED);
    const changed = build(OWN_SIDECAR, { yaml: `${NATIVE_SIDECAR}weights: { "7": 9 }` });
    expect(changed.version).not.toBe(MIXED.version);
    expect(build().version).toBe(MIXED.version);
  });

  it("may be held to one of them, and is as it was where it has none of the name", () => {
    expect(onlyVariant(MIXED, "pack").variants).toEqual([{ name: "pack" }]);
    expect(onlyVariant(MIXED, "gone")).toBe(MIXED);
    expect(graphNamed(MIXED, "pack")).toBe(MIXED);
    expect(graphNamed(onlyVariant(MIXED, "native"), "gone").inputNode).toBe("1");
    const { variants: _, ...single } = MIXED;
    expect(graphNamed(single, undefined)).toBe(single);
  });

  it("tells people which runs, and with which files", () => {
    expect(describeWorkflow(MIXED)).toContain("  variants    native, pack");
    expect(describeRun(MIXED, { classes: CORE })).toEqual([
      '  runs        variant "pack"',
      "  uses        RealESRGAN_x2.pth",
    ]);
    expect(describeRun(MIXED, { classes: NEWER })).toEqual(['  runs        variant "native"']);
    expect(describeRun(MIXED, { classes: NATIVE })).toEqual([]);
  });
});

describe("buildWorkflow() refuses variants", () => {
  const refused: readonly (readonly [string, () => Workflow, string])[] = [
    [
      "without its own graph",
      () => build(OWN_SIDECAR.replace(", pack: test.json", "")),
      '"variants" does not name its own graph, "test.json"',
    ],
    [
      "that take another input",
      () => build(OWN_SIDECAR, { yaml: "type: video" }),
      'variant "variants/test.native" takes an input of type "video", not "image"',
    ],
    [
      "that can be set in more ways",
      () => build(OWN_SIDECAR, { yaml: "parameters: { extra: { default: 1 } }" }),
      'variant "variants/test.native" has parameter "extra", which the workflow has not',
    ],
    [
      "outside of its directory",
      () => build(OWN_SIDECAR.replace("variants/test.native.json", "../test.json")),
      'Cannot use workflow "test.yaml": variants.native',
    ],
    [
      "whose sidecar names what they have not",
      () => build(OWN_SIDECAR, { yaml: 'result: "4"' }),
      'Cannot use workflow "variants/test.native": "result" names node "4"',
    ],
  ];
  it.each(refused)("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });

  it("no less than an optional parameter with a default", () => {
    expect(() =>
      build(OWN_SIDECAR.replace("optional: true", "optional: true, default: 5")),
    ).toThrow('parameter "chunk" is optional, which takes no "default"');
  });
});
