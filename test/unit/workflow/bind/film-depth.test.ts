import { describe, expect, it } from "vitest";
import { bindPrompt } from "../../../../src/workflow/bind/bind-prompt.js";
import { depthProblem, type FilmDepth } from "../../../../src/workflow/bind/film-depth.js";
import { variantOn } from "../../../../src/workflow/check/missing-for.js";
import { FACTS, load, PLACES, problems, SERVERS, type ServerName, values } from "../shipped.js";
import { workflow } from "../workflows.js";

const PLAIN: FilmDepth = { bitDepth: 8, transfer: 1 };
const TEN: FilmDepth = { bitDepth: 10 };
const PQ: FilmDepth = { bitDepth: 10, transfer: 16 };
const HLG: FilmDepth = { bitDepth: 10, transfer: 18 };

const FILMS = PLACES.filter(([name]) => name.includes("video"));

function graphOn(name: string, place: ServerName) {
  const variant = variantOn(load(name), { classes: SERVERS[place] });
  if (variant === undefined) throw new Error("It does not run");
  return variant.graph;
}

const problemOf = (name: string, place: ServerName, depth: FilmDepth) =>
  depthProblem(graphOn(name, place), SERVERS[place], depth);

describe.each(FILMS)("%s on ComfyUI %s", (name, place) => {
  const isPack = /pack|FlashVSR/.test(place) && /flashvsr/.test(name);
  const keeps = place.startsWith("0.46") && !isPack;

  it(`keeps ${keeps ? "10 bits and high dynamic ranges" : "8 bits, and says so before"}`, () => {
    expect(problemOf(name, place, PLAIN)).toBeUndefined();
    for (const depth of [TEN, PQ, HLG]) {
      if (keeps) expect(problemOf(name, place, depth)).toBeUndefined();
      else expect(problemOf(name, place, depth)).toMatch(/^it has (10 bits|a high)/);
    }
  });

  if (keeps)
    it("is a prompt that the server takes, which keeps them", () => {
      for (const [depth, space] of [
        [TEN, undefined],
        [PQ, "HDR PQ"],
        [HLG, "HDR"],
      ] as const) {
        const graph = graphOn(name, place);
        const { hasAlpha: _, ...input } = FACTS;
        const prompt = bindPrompt(graph, {
          ...{ inputName: "in.bin", filenamePrefix: "out", parameters: values(load(name)) },
          ...{ lowMemory: false, classes: SERVERS[place], input, depth },
          frames: { skip: 1, before: 1, count: 4, after: 1 },
        });
        expect(problems(graph, prompt, SERVERS[place])).toEqual([]);
        const made = Object.values(prompt).find(({ class_type }) => class_type === "CreateVideo");
        expect(made?.inputs).toMatchObject({ bit_depth: 10 });
        expect(made?.inputs["color_space"]).toBe(space);
        expect(JSON.stringify(prompt)).not.toContain("lanczos");
      }
    });

  it("leaves plain films as they are", () => {
    const graph = graphOn(name, place);
    const binding = {
      ...{ inputName: "in.bin", filenamePrefix: "out", parameters: values(load(name)) },
      ...{ lowMemory: false, classes: SERVERS[place], input: FACTS },
    };
    expect(bindPrompt(graph, { ...binding, depth: PLAIN })).toEqual(bindPrompt(graph, binding));
  });
});

describe("depthProblem()", () => {
  it("says what would be lost, and why", () => {
    expect(problemOf("esrgan_video_1920", "0.3.64", TEN)).toBe(
      "it has 10 bits for a colour, which ComfyUI keeps since version 0.35 alone",
    );
    expect(problemOf("esrgan_video_1920", "0.3.64", { bitDepth: 8, transfer: 18 })).toBe(
      "it has a high dynamic range, which ComfyUI keeps since version 0.35 alone",
    );
    expect(problemOf("esrgan_video_1920", "0.46", { bitDepth: 12 })).toBe(
      "it has 12 bits for a colour, of which 10 would be kept",
    );
    expect(problemOf("flashvsr_video", "0.46 with FlashVSR Stable", TEN)).toBe(
      'it has 10 bits for a colour, which node class "FlashVSRNode" is not known to keep',
    );
  });

  it("trusts no graph that does not tell where its frames are", () => {
    const graph = workflow(
      {
        "1": { class_type: "VHS_LoadVideo", inputs: { video: "x" } },
        "2": { class_type: "SaveVideo", inputs: { video: ["1", 0], filename_prefix: "x" } },
      },
      'input: { node: "1", field: video }',
    );
    expect(depthProblem(graph, SERVERS["0.46"], TEN)).toContain("does not tell");
  });
});
