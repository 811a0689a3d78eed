import { describe, expect, it } from "vitest";
import { missingFor } from "../../../../src/workflow/check/missing-for.js";
import type { NodeClasses } from "../../../../src/workflow/node-info.js";
import type { Prompt } from "../../../../src/workflow/workflow.js";
import { madeUpClasses, recordedClasses } from "../object-info.js";
import { IMAGE_PROMPT, workflow } from "../workflows.js";

const CORE = recordedClasses("core");
const SIDECAR = 'input: { node: "1", field: image }\nresult: "4"';

function missing(changes: Prompt, classes: NodeClasses = CORE): readonly string[] {
  return missingFor(workflow({ ...IMAGE_PROMPT, ...changes }, SIDECAR), { classes });
}

describe("missingFor()", () => {
  it("finds nothing missing on a server that has it all", () => {
    expect(missing({})).toEqual([]);
  });

  it("names node classes, each once", () => {
    const foreign = { class_type: "Foreign", inputs: {} };
    expect(missing({ "5": foreign, "6": foreign })).toEqual(['Node class "Foreign" is missing']);
    expect(missing({ "5": { class_type: "constructor", inputs: {} } })).toHaveLength(1);
  });

  it("names models and other choices, in both forms of a combo", () => {
    const older = { class_type: "UpscaleModelLoader", inputs: { model_name: "none.pth" } };
    expect(missing({ "2": older })).toEqual([
      'Model "none.pth" is missing in input "model_name" of node class "UpscaleModelLoader"',
    ]);
    const video = { class_type: "LoadVideo", inputs: { file: "any.mp4" } };
    const inputs = { video: ["5", 0], filename_prefix: "x", format: "avi", codec: "auto" };
    expect(missing({ "5": video, "6": { class_type: "SaveVideo", inputs } })).toEqual([
      'Choice "avi" is missing in input "format" of node class "SaveVideo"',
    ]);
    expect(
      missing(
        { "5": video, "6": { class_type: "SaveVideo", inputs } },
        recordedClasses("core", "core-2026"),
      ),
    ).toEqual(['Choice "avi" is missing in input "format" of node class "SaveVideo"']);
  });

  it("asks for the model that the parameters choose", () => {
    const chosen = workflow(
      IMAGE_PROMPT,
      'parameters: { model: { node: "2", input: model_name } }',
    );
    expect(missingFor(chosen, { classes: CORE }, { model: "4x-UltraSharp.pth" })).toEqual([]);
    expect(missingFor(chosen, { classes: CORE }, { model: "none.pth" })).toHaveLength(1);
  });

  it("does not look for files that are still to be uploaded", () => {
    const classes = madeUpClasses({
      Load: { input: { required: { video: [["a"], { video_upload: true }], file: [["b"]] } } },
      SaveImage: { input: { required: { filename_prefix: ["STRING"] } } },
    });
    const prompt: Prompt = {
      "1": { class_type: "Load", inputs: { video: "new", file: "new" } },
      "4": { class_type: "SaveImage", inputs: { filename_prefix: "x" } },
    };
    const sidecar = 'type: video\ninput: { node: "1", field: file }';
    expect(missingFor(workflow(prompt, sidecar), { classes })).toEqual([]);
  });

  it("names inputs that a class does not have, and those it requires", () => {
    const scale = {
      class_type: "ImageScaleBy",
      inputs: { image: ["1", 0], upscale_method: "area", factor: 2 },
    };
    expect(missing({ "5": scale })).toEqual([
      'Node class "ImageScaleBy" requires input "scale_by", which is not set',
      'Node class "ImageScaleBy" has no input "factor"',
    ]);
  });

  it("lets pass what a class takes without listing it: a format's widgets, parts of a group", () => {
    const classes = recordedClasses("core", "core-2026", "vhs");
    const combine = {
      class_type: "VHS_VideoCombine",
      inputs: {
        images: ["1", 0],
        frame_rate: 24,
        loop_count: 0,
        filename_prefix: "x",
        format: "video/h264-mp4",
        crf: 19,
        pix_fmt: "yuv420p",
        pingpong: false,
        save_output: true,
      },
    };
    const save = {
      class_type: "SaveVideo",
      inputs: { video: ["7", 0], filename_prefix: "x", format: "mp4", "format.codec": "h264" },
    };
    const load = { class_type: "LoadVideo", inputs: { file: "a.mp4" } };
    expect(missing({ "5": combine, "6": save, "7": load }, classes)).toEqual([]);
  });

  it("names links of the wrong type, to no output and to no node", () => {
    const upscale = (image: readonly [string, number]) => ({
      class_type: "ImageUpscaleWithModel",
      inputs: { upscale_model: ["2", 0], image },
    });
    expect(missing({ "3": upscale(["1", 1]) })).toEqual([
      'Input "image" of node class "ImageUpscaleWithModel" takes IMAGE, not MASK of node class "LoadImage"',
    ]);
    expect(missing({ "3": upscale(["1", 2]) })).toEqual([
      'Input "image" of node class "ImageUpscaleWithModel" is linked to output 2 of node class "LoadImage", which has 2',
    ]);
    expect(missing({ "3": upscale(["9", 0]) })).toEqual([
      'Input "image" of node class "ImageUpscaleWithModel" is linked to node "9", which does not exist',
    ]);
  });

  it("names numbers out of range", () => {
    const scale = (scale_by: number) => ({
      class_type: "ImageScaleBy",
      inputs: { image: ["1", 0], upscale_method: "area", scale_by },
    });
    expect(missing({ "5": scale(9) })).toEqual([
      'Input "scale_by" of node class "ImageScaleBy" must be at most 8, not 9',
    ]);
    expect(missing({ "5": scale(0) })).toHaveLength(1);
  });

  describe("on inputs of choices", () => {
    const load: Prompt = { "5": { class_type: "LoadVideo", inputs: { file: "a.mp4" } } };
    const save = (inputs: Prompt[string]["inputs"]): Prompt => ({
      ...load,
      "6": {
        class_type: "SaveVideo",
        inputs: { video: ["5", 0], filename_prefix: "x", ...inputs },
      },
    });
    const OLD_FORM = { format: "mp4", codec: "h264", "codec.encoding": "re-encode" };
    const OLDEST = recordedClasses("core");
    const OLDER = recordedClasses("core", "core-0.30");
    const NEWER = recordedClasses("core", "core-0.46");

    it("takes the form that all versions take, which the oldest pass over", () => {
      const prompt = save({ ...OLD_FORM, "codec.encoding.crf": 14 });
      for (const classes of [OLDEST, OLDER, NEWER]) expect(missing(prompt, classes)).toEqual([]);
    });

    it("takes choices within choices, and demands no choice that an older form makes", () => {
      const newForm = {
        format: "mkv",
        "format.codec": "av1",
        "format.codec.encoding": "re-encode",
      };
      expect(missing(save({ ...newForm, "format.codec.encoding.crf": 60 }), NEWER)).toEqual([]);
      expect(missing(save({ format: "mkv" }), NEWER)).toEqual([]);
    });

    it("names what a choice requires", () => {
      expect(missing(save(OLD_FORM), OLDER)).toEqual([
        'Node class "SaveVideo" requires input "codec.encoding.crf", which is not set',
      ]);
    });

    it("names what is no choice, at every depth", () => {
      expect(missing(save({ ...OLD_FORM, "codec.encoding": "lossless" }), OLDER)).toEqual([
        'Choice "lossless" is missing in input "codec.encoding" of node class "SaveVideo"',
      ]);
      const none = { ...OLD_FORM, codec: "hevc", "codec.encoding.crf": 14 };
      expect(missing(save(none), OLDER)).toEqual([
        'Choice "hevc" is missing in input "codec" of node class "SaveVideo"',
      ]);
    });

    it("names numbers out of a choice's range", () => {
      const range = (codec: string, crf: number) =>
        missing(save({ ...OLD_FORM, codec, "codec.encoding.crf": crf }), NEWER);
      expect(range("av1", 60)).toEqual([]);
      expect(range("h264", 60)).toEqual([
        'Input "codec.encoding.crf" of node class "SaveVideo" must be at most 51, not 60',
      ]);
    });

    it("names what belongs to another choice", () => {
      const auto = { ...OLD_FORM, "codec.encoding": "auto", "codec.encoding.crf": 14 };
      expect(missing(save(auto), OLDER)).toEqual([
        'Input "codec.encoding.crf" of node class "SaveVideo" is none of choice "auto" of "codec.encoding"',
      ]);
      expect(
        missing(save({ format: "mp4", codec: "auto", "codec.encoding": "auto" }), OLDER),
      ).toEqual([
        'Input "codec.encoding" of node class "SaveVideo" is none of choice "auto" of "codec"',
      ]);
    });

    it("checks links to them", () => {
      const linked = { ...OLD_FORM, "codec.encoding.crf": ["5", 0] };
      expect(missing(save(linked), OLDER)).toEqual([
        'Input "codec.encoding.crf" of node class "SaveVideo" takes FLOAT, not VIDEO of node class "LoadVideo"',
      ]);
    });
  });
});
