import { describe, expect, it } from "vitest";
import { bindPrompt } from "../../../src/workflow/bind/bind-prompt.js";
import { missingFor, variantOn } from "../../../src/workflow/check/missing-for.js";
import { filmFrames } from "../../../src/workflow/film-frames.js";
import { variantsOf } from "../../../src/workflow/variants.js";
import { isLink, type Prompt } from "../../../src/workflow/workflow.js";
import { FACTS, load, loadAll, PLACES, problems, SERVERS, values } from "./shipped.js";

// Chunks of films by every shipped workflow, on every server that runs it.

const FILMS = PLACES.filter(([name]) => name.includes("video"));
const { hasAlpha: _, ...INPUT } = FACTS;

describe.each(FILMS)("%s on ComfyUI %s", (name, place) => {
  const classes = SERVERS[place];
  const film = load(name);

  const chunk = (frames: object, rotation: object = {}, lowMemory = false): Prompt => {
    const variant = variantOn(film, { classes }, values(film), true);
    if (variant === undefined) throw new Error("It does not run");
    const prompt = bindPrompt(variant.graph, {
      ...{
        inputName: "in.bin",
        filenamePrefix: "out",
        parameters: values(film),
        lowMemory,
        classes,
      },
      input: { ...INPUT, ...rotation },
      frames: { skip: 12, before: 5, count: 20, after: 4, ...frames },
    });
    expect(problems(variant.graph, prompt, classes)).toEqual([]);
    return prompt;
  };

  it("is run in chunks by the variant that runs whole films there", () => {
    expect(missingFor(film, { classes }, {}, true)).toEqual([]);
    expect(variantOn(film, { classes }, {}, true)?.name).toBe(variantOn(film, { classes })?.name);
  });

  it.each([
    ["inside a film", {}],
    ["at the start of a piece", { skip: 0 }],
    ["without context", { before: 0, after: 0 }],
    ["of one frame", { before: 0, count: 1, after: 0 }],
    ["that is its whole piece", { skip: 0, before: 0, after: 0, pieceCount: 20 }],
    ["at one rate", { fps: 24000 / 1001 }],
  ])("takes a chunk %s", (_where, frames) => {
    for (const lowMemory of [false, true]) {
      const prompt = chunk(frames, {}, lowMemory);
      for (const [id] of linksOf(prompt)) expect(prompt).toHaveProperty([id]);
    }
  });

  it("takes a chunk of a turned film", () => {
    chunk({}, { rotationDegrees: 90 });
  });

  it("gives the network the frames, the result its own, and no sound to either", () => {
    const prompt = chunk({});
    const graph = variantOn(film, { classes }, {}, true)?.graph;
    const { decoded = "", made = "" } = (graph && filmFrames(graph)) ?? {};
    expect(prompt[`${decoded}_picked`]?.inputs).toEqual({
      ...{ image: [decoded, 0], batch_index: 12, length: 29 },
    });
    expect(prompt[`${made}_picked`]?.inputs).toMatchObject({ batch_index: 5, length: 20 });
    const takers = (node: string, slot: number) =>
      linksOf(prompt).flatMap(([from, at, id]) => (from === node && at === slot ? [id] : []));
    expect(takers(decoded, 0)).toEqual([`${decoded}_picked`]);
    expect(takers(made, 0)).toEqual([`${made}_picked`]);
    expect(takers(decoded, 1)).toEqual([]);
  });

  it("is encoded as well as a whole film", () => {
    const saved = Object.values(chunk({})).find(({ class_type }) => class_type === "SaveVideo");
    expect(saved?.inputs).toMatchObject({ "codec.encoding.crf": 14 });
  });
});

/** The links of a prompt: node, slot, and the node that takes it. */
function linksOf(prompt: Prompt): readonly (readonly [string, number, string])[] {
  return Object.entries(prompt).flatMap(([id, { inputs }]) =>
    Object.values(inputs).flatMap((value) => (isLink(value) ? [[...value, id] as const] : [])),
  );
}

it("every video workflow states context, copies and counts that fit each other", () => {
  const graphs = loadAll()
    .filter(({ type }) => type === "video")
    .flatMap((film) => variantsOf(film).map(({ graph }) => ({ name: film.name, graph })));
  expect(graphs).toHaveLength(9);
  for (const { name, graph } of graphs) {
    const { context, copies, multiple = 1, plus = 0, join = "trim" } = graph.frames ?? {};
    expect(copies, name).toBeDefined();
    expect(join).toBe("trim");
    const isAlone = /^(esrgan|anime|cpu)/.test(name);
    expect(context === undefined, name).toBe(isAlone);
    // A multiple of frames of its own makes a number that the network takes.
    const { before = 0, after = 0 } = context ?? {};
    expect((before + after - plus) % multiple, name).toBe(0);
  }
});
