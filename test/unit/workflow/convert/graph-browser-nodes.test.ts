import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { recordedClasses } from "../object-info.js";
import { graph, inputsOf, node, promptOf, SAVE, SOURCE, subgraph } from "./graphs.js";

const CORE = recordedClasses("core");
/** What the graphs below come to: a source that is saved. */
const PLAIN = promptOf(graph([SOURCE, SAVE], [[1, 1, 0, 9, 0]]));
const UNLINKED_SAVE = node(9, "Save", { inputs: [["images", "IMAGE"]], values: ["out"] });

function saved(name: string): object {
  const url = new URL(`../../../fixtures/workflows/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(fileURLToPath(url), "utf8"));
}

describe("graphToPrompt(): nodes that live in the browser", () => {
  it.each(["rgthree-reroute", "use-everywhere"])("follows what passes links on (%s)", (name) => {
    const prompt = promptOf(saved(name), CORE);
    expect(Object.keys(prompt)).toEqual(["1", "2", "3", "4"]);
    expect(prompt["3"]?.inputs).toEqual({ upscale_model: ["2", 0], image: ["1", 0] });
  });

  it("joins the Set and Get of a pack by the variable's name, and not those of two packs", () => {
    const made = (setType: string) =>
      graph(
        [
          SOURCE,
          node(5, setType, { inputs: [["IMAGE", "IMAGE", 2]], values: ["picture"] }),
          node(7, "easy getNode", { outputs: ["IMAGE"], values: ["picture"] }),
          SAVE,
        ],
        [
          [1, 7, 0, 9, 0],
          [2, 1, 0, 5, 0],
        ],
      );
    expect(promptOf(made("easy setNode"))).toEqual(PLAIN);
    expect(() => promptOf(made("SetNode"))).toThrow('gets "picture", which no node sets');
  });

  it("names a node that only switches others where something is linked to it", () => {
    const toggle = node(5, "Fast Muter (rgthree)", { outputs: ["*"] });
    const toOther = node(6, "View", { inputs: [["images", "IMAGE", 2]] });
    const fine = graph(
      [SOURCE, toggle, toOther, SAVE],
      [
        [1, 1, 0, 9, 0],
        [2, 5, 0, 6, 0],
      ],
    );
    expect(promptOf(fine)).toEqual(PLAIN);
    expect(() => promptOf(graph([toggle, SAVE], [[1, 5, 0, 9, 0]]))).toThrow(
      'node "9" (Save) has an input "images" that is linked to node "5" (Fast Muter (rgthree)), which lives in the browser alone and gives no value',
    );
  });
});

describe("graphToPrompt(): links of use-everywhere", () => {
  const everywhere = (mode = 0) =>
    node(5, "Anything Everywhere", { inputs: [["anything", "IMAGE", 2]], mode });
  const link = {
    ...{ downstream: 9, downstream_slot: 0, upstream: "1", upstream_slot: 0, controller: 5 },
    type: "IMAGE",
  };
  const made = (ue_links: unknown, sender = everywhere(), save = UNLINKED_SAVE) =>
    graph([SOURCE, sender, save], [[2, 1, 0, 5, 0]], { extra: { ue_links } });

  it("are followed as the file has them", () => {
    expect(promptOf(made([link]))).toEqual(PLAIN);
  });

  it("give way to a link that is drawn", () => {
    const links = [
      [1, 1, 0, 9, 0],
      [2, 1, 1, 5, 0],
    ] as const;
    const extra = { ue_links: [{ ...link, upstream_slot: 1 }] };
    const drawn = graph([SOURCE, everywhere(), SAVE], links, { extra });
    expect(inputsOf(drawn, "9")?.["images"]).toEqual(["1", 0]);
  });

  it("are followed within subgraphs", () => {
    const inner = subgraph("s", [], [SOURCE, everywhere(), UNLINKED_SAVE], [[2, 1, 0, 5, 0]]);
    const content = { ...inner, extra: { ue_links: [link] } };
    const outer = graph([node(3, "s")], [], { definitions: { subgraphs: [content] } });
    expect(inputsOf(outer, "3:9")?.["images"]).toEqual(["3:1", 0]);
  });

  it("do not count where their node is off", () => {
    expect(inputsOf(made([link], everywhere(2)), "9")).toEqual({ filename_prefix: "out" });
  });

  it.each([
    ["has none", undefined],
    [
      "has none that fits",
      [
        { ...link, downstream: 8 },
        { ...link, downstream_slot: 7 },
      ],
    ],
    ["has something else", "nonsense"],
  ])("are asked for by name where the file %s", (_, links) => {
    expect(() => promptOf(made(links))).toThrow(
      'node "9" (Save) has an input "images" that nothing is linked to; node "5" (Anything Everywhere) may link it, but only in the browser, and the file does not say so',
    );
  });
});
