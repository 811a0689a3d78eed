import { describe, expect, it } from "vitest";
import { madeUpClasses, recordedClasses } from "../object-info.js";
import { graph, inputsOf, type MadeNode, node, SAVE } from "./graphs.js";

/** The inputs of a node of a made-up class `Subject`, read from the values that its file has. */
function read(
  definition: object,
  made: MadeNode,
): { readonly [name: string]: unknown } | undefined {
  const classes = madeUpClasses({
    Subject: { output: ["IMAGE"], ...definition },
    Save: {
      input: { required: { images: ["IMAGE"], filename_prefix: ["STRING", {}] } },
      output: [],
      output_node: true,
    },
  });
  const subject = node(1, "Subject", { outputs: ["IMAGE"], ...made });
  return inputsOf(graph([subject, SAVE], [[1, 1, 0, 9, 0]]), "1", classes);
}

describe("graphToPrompt(): which inputs are widgets", () => {
  it("takes the order of input_order, required before optional", () => {
    const definition = {
      input: {
        optional: { z: ["INT", {}] },
        required: { b: ["INT", {}], a: ["STRING", {}] },
      },
      input_order: { required: ["a", "b"], optional: ["z"] },
    };
    expect(read(definition, { values: ["text", 1, 2] })).toEqual({ a: "text", b: 1, z: 2 });
  });

  it("takes the order of the inputs where input_order is absent", () => {
    const definition = { input: { required: { b: ["INT", {}], a: ["STRING", {}] } } };
    expect(read(definition, { values: [1, "text"] })).toEqual({ a: "text", b: 1 });
  });

  it("gives no value to sockets, whatever the case of their type", () => {
    const definition = {
      input: { required: { image: ["IMAGE"], batch: ["VHS_BatchManager"], n: ["INT", {}] } },
    };
    expect(read(definition, { values: [7] })).toEqual({ n: 7 });
  });

  it("gives no value to inputs that are forced to be sockets", () => {
    const definition = {
      input: {
        required: {
          forced: ["INT", { forceInput: true }],
          older: ["STRING", { defaultInput: true }],
          n: ["INT", {}],
        },
      },
    };
    expect(read(definition, { values: [7] })).toEqual({ n: 7 });
  });

  it("takes combos of both forms, widget types, and types that the editor has widgets for", () => {
    const definition = {
      input: {
        required: {
          older: [["a", "b"]],
          newer: ["COMBO", { options: ["c", "d"] }],
          either: ["FLOAT,INT", { widgetType: "FLOAT" }],
          color: ["COLOR", {}],
          flag: ["BOOLEAN", {}],
        },
      },
    };
    expect(read(definition, { values: ["b", "d", 0.5, "#fff", true] })).toEqual({
      older: "b",
      newer: "d",
      either: 0.5,
      color: "#fff",
      flag: true,
    });
  });

  it("does not go by the sockets that the file lists, which exported files leave out", () => {
    const definition = { input: { required: { a: ["INT", {}], b: ["INT", {}] } } };
    const onlySecond = { inputs: [["b", "INT", undefined, "widget"]], values: [1, 2] } as const;
    expect(read(definition, onlySecond)).toEqual({ a: 1, b: 2 });
  });
});

describe("graphToPrompt(): values that are never sent", () => {
  const followedBy = (name: string, spec: unknown) => ({
    input: { required: { [name]: spec, next: ["INT", {}] } },
  });

  it("skips the control of seeds by name", () => {
    expect(read(followedBy("seed", ["INT", {}]), { values: [1, "randomize", 2] })).toEqual({
      seed: 1,
      next: 2,
    });
    expect(read(followedBy("noise_seed", ["INT", {}]), { values: [1, "fixed", 2] })).toEqual({
      noise_seed: 1,
      next: 2,
    });
  });

  it("skips the control of numbers that ask for it, wherever they stand", () => {
    const spec = ["INT", { control_after_generate: true }];
    expect(read(followedBy("count", spec), { values: [1, "increment", 2] })).toEqual({
      count: 1,
      next: 2,
    });
  });

  it("has no control for seeds that say so, nor for other numbers", () => {
    const definition = {
      input: {
        required: { seed: ["INT", { control_after_generate: false }], text: ["STRING", {}] },
      },
    };
    expect(read(definition, { values: [1, "fixed"] })).toEqual({ seed: 1, text: "fixed" });
    const other = { input: { required: { image_seed: ["INT", {}], text: ["STRING", {}] } } };
    expect(read(other, { values: [1, "fixed"] })).toEqual({ image_seed: 1, text: "fixed" });
  });

  it("skips control and filter of combos that ask for it", () => {
    const spec = ["COMBO", { options: ["a"], control_after_generate: true }];
    expect(read(followedBy("file", spec), { values: ["a", "increment-wrap", "", 2] })).toEqual({
      file: "a",
      next: 2,
    });
  });

  it("leaves a control's word to the next combo where the control was not saved", () => {
    const definition = {
      input: { required: { seed: ["INT", {}], mode: [["fixed", "free"]], n: ["INT", {}] } },
    };
    const expected = { seed: 1, mode: "fixed", n: 3 };
    expect(read(definition, { values: [1, "fixed", 3] })).toEqual(expected);
    expect(read(definition, { values: [1, "randomize", "fixed", 3] })).toEqual(expected);
    expect(read(definition, { values: [1, "fixed", "fixed", 3] })).toEqual(expected);
  });

  it("skips the upload button after the last required input", () => {
    const definition = {
      input: {
        required: { image: [["a.png"], { image_upload: true }], n: ["INT", {}] },
        optional: { m: ["INT", {}] },
      },
    };
    expect(read(definition, { values: ["a.png", 1, "image", 2] })).toEqual({
      image: "a.png",
      n: 1,
      m: 2,
    });
  });

  it("knows the core loaders' upload button without being told", () => {
    const classes = madeUpClasses({
      LoadImage: {
        input: { required: { image: [["a.png"]] }, optional: { m: ["INT", {}] } },
        output: ["IMAGE"],
      },
      Save: {
        input: { required: { images: ["IMAGE"], filename_prefix: ["STRING", {}] } },
        output: [],
        output_node: true,
      },
    });
    const load = node(1, "LoadImage", { outputs: ["IMAGE"], values: ["a.png", "image", 2] });
    const made = graph([load, SAVE], [[1, 1, 0, 9, 0]]);
    expect(inputsOf(made, "1", classes)).toEqual({ image: "a.png", m: 2 });
  });

  it("drops the values that older files have for forced sockets", () => {
    const definition = {
      input: {
        required: {
          forced: ["INT", { forceInput: true }],
          seed: ["INT", {}],
          name: ["STRING", {}],
        },
      },
    };
    expect(read(definition, { values: [0, 5, "fixed", "text"] })).toEqual({
      seed: 5,
      name: "text",
    });
  });
});

describe("graphToPrompt(): values by position", () => {
  const definition = {
    input: {
      required: {
        a: ["INT", { default: 3 }],
        b: [["x", "y"]],
        c: ["STRING", {}],
        d: ["BOOLEAN", {}],
      },
    },
  };

  it("fills in what is missing at the end: the default, a combo's first choice", () => {
    expect(read(definition, { values: [] })).toEqual({ a: 3, b: "x", c: "", d: false });
  });

  it("ignores what is too much", () => {
    expect(read(definition, { values: [1, "y", "t", true, "left over"] })).toEqual({
      a: 1,
      b: "y",
      c: "t",
      d: true,
    });
  });

  it("takes a hole for the default, or for a widget that is not saved", () => {
    expect(read(definition, { values: [null, "y", "t", true] })?.["a"]).toBe(3);
    expect(read(definition, { values: [1, null, "y", "t", true] })).toEqual({
      a: 1,
      b: "y",
      c: "t",
      d: true,
    });
  });

  it("refuses values that cannot be their widgets', by name", () => {
    expect(() => read(definition, { values: ["y", 1, "t", true] })).toThrow(
      'node "1" (Subject) has a value for widget "a" that cannot be its own',
    );
  });

  it("prefers values saved by name", () => {
    const classes = madeUpClasses({
      Save: {
        input: { required: { filename_prefix: ["STRING", {}], n: ["INT", {}] } },
        output: [],
        output_node: true,
      },
    });
    const named = {
      ...node(9, "Save", { values: ["old", 1] }),
      widgets_values_named: { n: 2, gone: 3 },
    };
    expect(inputsOf(graph([named], []), "9", classes)).toEqual({ filename_prefix: "old", n: 2 });
  });

  it("wraps lists, which would be links otherwise", () => {
    const points = { input: { required: { points: ["CURVE", {}] } } };
    expect(
      read(points, {
        values: [
          [
            [0, 1],
            [1, 0],
          ],
        ],
      }),
    ).toEqual({
      points: {
        __value__: [
          [0, 1],
          [1, 0],
        ],
      },
    });
  });
});

describe("graphToPrompt(): dynamic combos", () => {
  const classes = recordedClasses("core", "core-2026");
  const save = (values: readonly unknown[]) =>
    inputsOf(
      graph(
        [
          node(1, "LoadVideo", { outputs: ["VIDEO"], values: ["a.mp4", "image"] }),
          node(9, "SaveVideo", { inputs: [["video", "VIDEO", 1]], values }),
        ],
        [[1, 1, 0, 9, 0]],
      ),
      "9",
      classes,
    );

  it("reads the inputs that a choice brings along, under their full names", () => {
    expect(save(["out", "mp4", "h264", "crf", 19, "auto"])).toEqual({
      video: ["1", 0],
      filename_prefix: "out",
      format: "mp4",
      "format.codec": "h264",
      "format.codec.encoding": "crf",
      "format.codec.encoding.crf": 19,
      codec: "auto",
    });
  });

  it("reads no more than the choice brings", () => {
    expect(save(["out", "auto", "auto"])).toEqual({
      video: ["1", 0],
      filename_prefix: "out",
      format: "auto",
      codec: "auto",
    });
  });

  it("refuses a choice that the server does not have", () => {
    expect(() => save(["out", "avi", "auto"])).toThrow('widget "format" that cannot be its own');
  });

  it("takes sockets of a group by their full names", () => {
    const grouped = {
      input: { required: { pictures: ["COMFY_AUTOGROW_V3", {}], n: ["INT", {}] } },
    };
    const load = node(2, "Subject", { outputs: ["IMAGE"], values: [1] });
    const classesWithGroup = madeUpClasses({
      Subject: { output: ["IMAGE"], ...grouped },
      Save: {
        input: { required: { images: ["IMAGE"], filename_prefix: ["STRING", {}] } },
        output: [],
        output_node: true,
      },
    });
    const subject = node(1, "Subject", {
      inputs: [["pictures.image0", "IMAGE", 2]],
      outputs: ["IMAGE"],
      values: [4],
    });
    const made = graph(
      [load, subject, SAVE],
      [
        [1, 1, 0, 9, 0],
        [2, 2, 0, 1, 0],
      ],
    );
    expect(inputsOf(made, "1", classesWithGroup)).toEqual({ "pictures.image0": ["2", 0], n: 4 });
  });
});

describe("graphToPrompt(): values by name (VideoHelperSuite)", () => {
  const classes = recordedClasses("vhs");
  const load = (values: object) =>
    node(1, "VHS_LoadVideo", { outputs: ["IMAGE", "INT", "AUDIO", "VHS_VIDEOINFO"], values });
  const combine = (values: object) =>
    node(3, "VHS_VideoCombine", {
      inputs: [
        ["images", "IMAGE", 1],
        ["audio", "AUDIO", 2],
        ["frame_rate", "FLOAT", 4, "widget"],
      ],
      values,
    });
  const info = node(2, "VHS_VideoInfo", {
    inputs: [["video_info", "VHS_VIDEOINFO", 3]],
    outputs: Array(10).fill("FLOAT"),
  });
  const links = [
    [1, 1, 0, 3, 0],
    [2, 1, 2, 3, 1],
    [3, 1, 3, 2, 0],
    [4, 2, 5, 3, 2],
  ] as const;
  const made = (loaded: object, combined: object) =>
    graph([load(loaded), info, combine(combined)], links);
  const clip = { video: "a.mp4", force_rate: 0, format: "None", videopreview: { hidden: false } };
  const h264 = {
    frame_rate: 30,
    loop_count: 0,
    filename_prefix: "out",
    format: "video/h264-mp4",
    pix_fmt: "yuv420p",
    crf: 19,
    save_metadata: false,
    bitrate: 10,
    pingpong: false,
    save_output: true,
    videopreview: {},
  };

  it("keeps inputs, drops previews and buttons, fills in what is required", () => {
    expect(
      inputsOf(made({ ...clip, "choose video to upload": "image" }, h264), "1", classes),
    ).toEqual({
      video: "a.mp4",
      force_rate: 0,
      custom_width: 0,
      custom_height: 0,
      frame_load_cap: 0,
      skip_first_frames: 0,
      select_every_nth: 1,
      format: "None",
    });
  });

  it("keeps the widgets of the chosen format and no other's, and the linked frame rate linked", () => {
    expect(inputsOf(made(clip, h264), "3", classes)).toEqual({
      images: ["1", 0],
      audio: ["1", 2],
      frame_rate: ["2", 5],
      loop_count: 0,
      filename_prefix: "out",
      format: "video/h264-mp4",
      pix_fmt: "yuv420p",
      crf: 19,
      save_metadata: false,
      pingpong: false,
      save_output: true,
    });
  });

  it("takes names of older versions for today's", () => {
    const { save_output: _, ...older } = h264;
    const video = { ...clip, force_size: "512x?", custom_width: 7, custom_height: 8 };
    const both = made(video, { ...older, save_image: false });
    expect(inputsOf(both, "3", classes)?.["save_output"]).toBe(false);
    expect(inputsOf(both, "1", classes)).toMatchObject({ custom_width: 512, custom_height: 0 });
    const custom = made({ ...video, force_size: "Custom Height" }, h264);
    expect(inputsOf(custom, "1", classes)).toMatchObject({ custom_width: 0, custom_height: 8 });
    expect(() => inputsOf(made({ ...video, force_size: "Huge" }, h264), "1", classes)).toThrow(
      'has the size "Huge", which this server does not know',
    );
  });
});

describe("graphToPrompt(): values that only a browser can make", () => {
  it("refuses texts with choices or comments where the browser replaces them", () => {
    const definition = { input: { required: { text: ["STRING", { dynamicPrompts: true }] } } };
    for (const text of ["a {red|blue} hat", "hat // not this", "hat /* nor this */"]) {
      expect(() => read(definition, { values: [text] })).toThrow(
        'node "1" (Subject) has an input "text" whose value only a browser can make',
      );
    }
    expect(read(definition, { values: ["a \\{hat\\}"] })).toEqual({ text: "a \\{hat\\}" });
    const plain = { input: { required: { text: ["STRING", {}] } } };
    expect(read(plain, { values: ["{a|b}"] })).toEqual({ text: "{a|b}" });
  });

  it("refuses widgets such as a camera's picture, unless something is linked to them", () => {
    const definition = { input: { required: { image: ["WEBCAM", {}] } } };
    expect(() => read(definition, { values: ["data"] })).toThrow("only a browser can make");
  });
});
