import { describe, expect, it } from "vitest";
import { bindPrompt } from "../../../../src/workflow/bind/bind-prompt.js";
import type { PickedFrames } from "../../../../src/workflow/bind/pick-frames.js";
import { missingFor, variantOn } from "../../../../src/workflow/check/missing-for.js";
import { filmFrames } from "../../../../src/workflow/film-frames.js";
import type { Prompt, Workflow } from "../../../../src/workflow/workflow.js";
import { recordedClasses } from "../object-info.js";
import { workflow } from "../workflows.js";

const FILM: Prompt = {
  "1": { class_type: "LoadVideo", inputs: { file: "in.mp4" } },
  "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
  "3": { class_type: "Network", inputs: { image: ["2", 0], reference: ["2", 0] } },
  "4": {
    class_type: "CreateVideo",
    inputs: { images: ["3", 0], fps: ["2", 2], audio: ["2", 1] },
  },
  "5": { class_type: "SaveVideo", inputs: { video: ["4", 0], filename_prefix: "x" } },
};
const STATED = 'frames: { decoded: "2", made: "3" }';

const picked = (bound: Workflow, frames: PickedFrames): Prompt =>
  bindPrompt(bound, {
    ...{ inputName: "piece.mp4", filenamePrefix: "out", parameters: {}, lowMemory: false },
    frames,
  });

const ALL_NINE = { skip: 0, before: 0, count: 9, after: 0 };

describe("bindPrompt() with frames", () => {
  it("gives the network the frames from skip on, and the result those between the context", () => {
    const prompt = picked(workflow(FILM, STATED), { skip: 12, before: 5, count: 20, after: 4 });
    expect(prompt["2_picked"]).toEqual({
      class_type: "ImageFromBatch",
      inputs: { image: ["2", 0], batch_index: 12, length: 29 },
    });
    expect(prompt["3"]?.inputs).toEqual({ image: ["2_picked", 0], reference: ["2_picked", 0] });
    expect(prompt["3_picked"]).toEqual({
      class_type: "ImageFromBatch",
      inputs: { image: ["3", 0], batch_index: 5, length: 20 },
    });
    expect(prompt["4"]?.inputs).toEqual({ images: ["3_picked", 0], fps: ["2", 2] });
    expect(prompt["1"]?.inputs["file"]).toBe("piece.mp4");
  });

  it("puts frames from before behind those of the result, where they fade into each other", () => {
    const wanted = { skip: 12, before: 5, count: 20, after: 4, lead: 3 };
    const prompt = picked(workflow(FILM, STATED), wanted);
    const image = ["3", 0];
    expect(prompt["3_picked"]?.inputs).toEqual({ image, batch_index: 5, length: 20 });
    expect(prompt["3_lead"]?.inputs).toEqual({ image, batch_index: 2, length: 3 });
    expect(prompt["3_with_lead"]).toEqual({
      class_type: "ImageBatch",
      inputs: { image1: ["3_picked", 0], image2: ["3_lead", 0] },
    });
    expect(prompt["4"]?.inputs).toEqual({ images: ["3_with_lead", 0], fps: ["2", 2] });
  });

  it("takes nothing off behind the network where it sees no more than is wanted", () => {
    const prompt = picked(workflow(FILM, STATED), ALL_NINE);
    expect(Object.keys(prompt).sort()).toEqual(["1", "2", "2_picked", "3", "4", "5"]);
    expect(prompt["4"]?.inputs["images"]).toEqual(["3", 0]);
  });

  it("picks nothing of a piece that holds those frames alone", () => {
    const prompt = picked(workflow(FILM, STATED), { ...ALL_NINE, pieceCount: 9 });
    expect(Object.keys(prompt)).toEqual(Object.keys(FILM));
    for (const other of [{ pieceCount: 10 }, { pieceCount: 10, skip: 1 }])
      expect(picked(workflow(FILM, STATED), { ...ALL_NINE, ...other })).toHaveProperty("2_picked");
  });

  it("makes no sound, and nothing but the result", () => {
    const prompt = {
      ...FILM,
      "6": { class_type: "TrimAudio", inputs: { audio: ["2", 1] } },
      "7": { class_type: "SaveAudio", inputs: { audio: ["2", 1], filename_prefix: "sound" } },
      "8": { class_type: "PreviewImage", inputs: { images: ["3", 0] } },
      "4": { ...FILM["4"], inputs: { ...FILM["4"]?.inputs, audio: ["6", 0] } },
    } as Prompt;
    const bound = picked(
      workflow(prompt, `result: "5"\ninput: { node: "1", field: file }\n${STATED}`),
      ALL_NINE,
    );
    expect(Object.keys(bound).sort()).toEqual(["1", "2", "2_picked", "3", "4", "5"]);
    expect(bound["4"]?.inputs).not.toHaveProperty("audio");
  });

  it("gives all chunks of a film one frame rate, as far as the node takes it", () => {
    const rate = (fps: number) =>
      picked(workflow(FILM, STATED), { ...ALL_NINE, fps })["4"]?.inputs["fps"];
    expect([24, 24000 / 1001, 0.5, 240].map(rate)).toEqual([24, 23.976, 1, 120]);
  });

  it("leaves the ids of a graph's own nodes alone", () => {
    const own = { class_type: "Other", inputs: { image: ["3", 0] } };
    const prompt = {
      ...FILM,
      "2_picked": own,
      "4": { ...FILM["4"], inputs: { images: ["2_picked", 0], fps: 24 } },
    } as Prompt;
    const bound = picked(workflow(prompt, STATED), { ...ALL_NINE, before: 1 });
    expect(bound["2_picked"]?.inputs).toEqual({ image: ["3_picked", 0] });
    expect(bound["2_picked_"]?.class_type).toBe("ImageFromBatch");
  });

  it("picks twice where one node's frames are decoded and made", () => {
    const { "3": _, ...rest } = FILM;
    const prompt = {
      ...rest,
      "4": { class_type: "CreateVideo", inputs: { images: ["2", 0], fps: ["2", 2] } },
    };
    const bound = picked(workflow(prompt), { skip: 3, before: 2, count: 4, after: 1 });
    const [before, behind] = ["2_picked_", "2_picked"];
    expect(bound[before]?.inputs).toEqual({ image: ["2", 0], batch_index: 3, length: 7 });
    expect(bound[behind]?.inputs).toEqual({ image: [before, 0], batch_index: 2, length: 4 });
    expect(bound["4"]?.inputs["images"]).toEqual([behind, 0]);
  });

  it("picks frames of a node that is left out for its size where they were", () => {
    const prompt = {
      ...FILM,
      "6": { class_type: "ImageScale", inputs: { image: ["3", 0], width: 1, height: 1 } },
      "4": { ...FILM["4"], inputs: { images: ["6", 0], fps: ["2", 2] } },
    } as Prompt;
    const bound = bindPrompt(
      workflow(prompt, 'fit: { node: "6" }\nframes: { decoded: "2", made: "6" }'),
      {
        ...{ inputName: "piece.mp4", filenamePrefix: "out", parameters: {}, lowMemory: false },
        input: { mediaType: "video/mp4", sizeBytes: 1, width: 64, height: 48 },
        frames: { ...ALL_NINE, before: 2 },
      },
    );
    expect(bound["6_picked"]?.inputs["image"]).toEqual(["3", 0]);
    expect(bound["4"]?.inputs["images"]).toEqual(["6_picked", 0]);
  });

  it("refuses a graph that does not tell where its frames are", () => {
    const twice = { ...FILM, "6": FILM["2"] } as Prompt;
    expect(() => picked(workflow(twice), ALL_NINE)).toThrow("does not tell where its frames are");
  });
});

describe("filmFrames()", () => {
  const changed = (changes: { readonly [id: string]: Prompt[string] }) =>
    filmFrames(workflow({ ...FILM, ...changes }));

  it("tells what the sidecar states", () => {
    expect(filmFrames(workflow(FILM, 'frames: { decoded: "2", made: "4" }'))).toEqual({
      ...{ decoded: "2", made: "4" },
    });
  });

  it("reads it out of a graph that takes one film apart and makes one", () => {
    expect(changed({})).toEqual({ decoded: "2", made: "3" });
  });

  it("does not guess", () => {
    const { "2": decoded, "4": created } = FILM as Required<typeof FILM>;
    expect(changed({ "6": decoded! })).toBeUndefined();
    expect(changed({ "6": created! })).toBeUndefined();
    const other = { class_type: "VHS_LoadVideo", inputs: { video: "in.mp4" } };
    expect(
      filmFrames(
        workflow(
          { ...FILM, "1": other, "2": { ...other } } as Prompt,
          'input: { node: "1", field: video }',
        ),
      ),
    ).toBeUndefined();
    const images = { ...created!.inputs, images: ["3", 1] };
    expect(changed({ "4": { class_type: "CreateVideo", inputs: images } })).toBeUndefined();
    expect(changed({ "3": { class_type: "EmptyImage", inputs: {} } })).toBeUndefined();
    const save = { class_type: "SaveVideo", inputs: { video: ["1", 0], filename_prefix: "x" } };
    expect(changed({ "5": save })).toBeUndefined();
  });
});

describe("missingFor() for chunks of films", () => {
  const UPSCALE: Prompt = {
    ...FILM,
    "3": {
      class_type: "ImageScaleBy",
      inputs: { image: ["2", 0], upscale_method: "area", scale_by: 2 },
    },
    "5": {
      class_type: "SaveVideo",
      inputs: { video: ["4", 0], filename_prefix: "x", format: "mp4", codec: "h264" },
    },
  };
  const POOR = recordedClasses("core");
  const CORE = recordedClasses("core", "core-more");

  it("asks for the class that picks frames", () => {
    const film = workflow(UPSCALE);
    expect(missingFor(film, { classes: POOR })).toEqual([]);
    expect(missingFor(film, { classes: POOR }, {}, true)).toEqual([
      'Node class "ImageFromBatch" is missing',
    ]);
    expect(missingFor(film, { classes: CORE }, {}, true)).toEqual([]);
    expect(variantOn(film, { classes: POOR }, {}, true)).toBeUndefined();
    expect(variantOn(film, { classes: CORE }, {}, true)?.prompt).toHaveProperty("2_picked");
  });

  it("asks for the class that lines them up where chunks fade into each other", () => {
    const context = "context: { before: 4, after: 0 }, join: crossfade, overlap: 4";
    const film = workflow(UPSCALE, `frames: { decoded: "2", made: "3", ${context} }`);
    const { ImageBatch: _, ...rest } = Object.fromEntries(CORE);
    const without = new Map(Object.entries(rest));
    expect(missingFor(film, { classes: CORE }, {}, true)).toEqual([]);
    expect(missingFor(film, { classes: without }, {}, true)).toEqual([
      'Node class "ImageBatch" is missing',
    ]);
  });

  it("says which workflow cannot be cut for", () => {
    const film = workflow({ ...UPSCALE, "6": UPSCALE["2"]! });
    expect(missingFor(film, { classes: CORE })).toEqual([]);
    expect(missingFor(film, { classes: CORE }, {}, true)).toEqual([
      "Films cannot be cut for it: it does not tell where its frames are",
    ]);
  });
});
