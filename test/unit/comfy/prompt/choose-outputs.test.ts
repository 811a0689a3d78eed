import { expect, test } from "vitest";
import { chooseOutputs } from "../../../../src/comfy/prompt/choose-outputs.js";

const file = (filename: string, type = "output") => ({ filename, subfolder: "", type });

test("chooseOutputs() takes the result node's files alone", () => {
  const outputs = {
    "3": { images: [file("other.png")] },
    "9": { images: [file("result.png"), file("second.png")] },
  };
  expect(chooseOutputs(outputs, "9")).toEqual([file("result.png"), file("second.png")]);
});

test("chooseOutputs() ignores previews and inputs, of the result node too", () => {
  const outputs = {
    "9": { images: [file("preview.png", "temp"), file("in.png", "input"), file("r.png")] },
  };
  expect(chooseOutputs(outputs, "9")).toEqual([file("r.png")]);
});

test("chooseOutputs() puts films before pictures before sound, whatever the order of nodes and keys", () => {
  const outputs = {
    "10": { audio: [file("c.flac")], images: [file("b.png")] },
    "2": { images: [file("a.png")], "3d": [file("z.glb")] },
    "7": { gifs: [file("film.mp4")] },
  };
  expect(chooseOutputs(outputs).map(({ filename }) => filename)).toEqual([
    "film.mp4",
    "a.png",
    "b.png",
    "c.flac",
    "z.glb",
  ]);
});

test.each(["4", "constructor", "__proto__"])(
  "chooseOutputs() finds nothing of node %s, which made nothing",
  (id) => {
    expect(chooseOutputs({ "3": { images: [file("a.png")] } }, id)).toEqual([]);
  },
);
