import { describe, expect, test } from "vitest";
import {
  featuresSchema,
  historySchema,
  outputFiles,
  queueSchema,
  rejectionSchema,
  submittedSchema,
  systemStatsSchema,
} from "../../../src/comfy/wire.js";

describe("queueSchema", () => {
  test.each([
    ["five", [18, "a", { "1": {} }, { client_id: "c" }, ["3"]]],
    ["six", [18, "a", { "1": {} }, { client_id: "c" }, ["3"], { hidden: true }]],
  ])("reads id and extra data of queue items with %s elements", (_, item) => {
    const queue = queueSchema.parse({ queue_running: [item], queue_pending: [] });
    expect(queue).toEqual({
      running: [{ promptId: "a", extraData: { client_id: "c" } }],
      pending: [],
    });
  });

  test("takes anything for extra data", () => {
    const queue = queueSchema.parse({ queue_running: [], queue_pending: [[1.5, "a", null, null]] });
    expect(queue.pending).toEqual([{ promptId: "a", extraData: {} }]);
  });

  test.each([
    ["a list", []],
    ["an item without an id", { queue_running: [[1]], queue_pending: [] }],
    ["half of it", { queue_running: [] }],
    ["an error", { error: "no" }],
  ])("refuses %s, since a prompt overlooked would count as lost", (_, answer) => {
    expect(queueSchema.safeParse(answer).success).toBe(false);
  });
});

describe("historySchema", () => {
  test("reads a recorded entry and passes over what it does not know", () => {
    const answer = {
      id: {
        prompt: [0, "id", {}, {}, ["3"]],
        outputs: { "3": { images: [{ filename: "a.png", subfolder: "", type: "output" }] } },
        status: {
          status_str: "success",
          completed: true,
          messages: [["execution_start", { prompt_id: "id", timestamp: 1 }]],
        },
        meta: {},
        later: 1,
      },
    };
    expect(historySchema.parse(answer)["id"]?.status).toEqual({
      status_str: "success",
      messages: [["execution_start", { prompt_id: "id", timestamp: 1 }]],
    });
  });

  test("reads an entry without a status and with null outputs", () => {
    const entry = historySchema.parse({ id: { outputs: null, status: null } })["id"];
    expect(entry).toEqual({ outputs: {}, status: undefined });
  });

  test("refuses an entry that is no object", () => {
    expect(historySchema.safeParse({ id: "done" }).success).toBe(false);
  });
});

describe("outputFiles()", () => {
  test("keeps files under every key and drops text, flags, nulls and what has no name", () => {
    const output = {
      images: [{ filename: "a.mp4", subfolder: "video", type: "output", metadata: {} }, null, "x"],
      gifs: [{ filename: "b.mp4", fullpath: "/srv/b.mp4", frame_rate: 24 }],
      animated: [true],
      text: ["hello"],
      nameless: [{ filename: "" }, { subfolder: "x" }],
      odd: { filename: "c.png" },
    };
    expect(outputFiles(output)).toEqual({
      images: [{ filename: "a.mp4", subfolder: "video", type: "output" }],
      gifs: [{ filename: "b.mp4", subfolder: "", type: "output" }],
    });
  });

  test("finds nothing in null", () => {
    expect(outputFiles(null)).toEqual({});
  });
});

describe("submittedSchema", () => {
  test("reads null node errors as none", () => {
    const answer = { prompt_id: "a", number: 3, node_errors: null };
    expect(submittedSchema.parse(answer)).toEqual({ prompt_id: "a", number: 3, node_errors: {} });
  });

  test("keeps the errors of outputs that were dropped", () => {
    const node_errors = { "3": { errors: [{ type: "required_input_missing" }], class_type: "X" } };
    const answer = submittedSchema.parse({ prompt_id: "a", number: 3, node_errors });
    expect(Object.keys(answer.node_errors)).toEqual(["3"]);
  });
});

test("rejectionSchema refuses a 400 without an error", () => {
  expect(rejectionSchema.safeParse({}).success).toBe(false);
});

test("systemStatsSchema reads a CPU's device, whose index is null", () => {
  const stats = systemStatsSchema.parse({
    system: { os: "posix", ram_total: 3, comfyui_version: "0.3.64", argv: ["main.py"] },
    devices: [{ name: "cpu", type: "cpu", index: null, vram_total: 2, vram_free: 1 }],
  });
  expect(stats).toEqual({
    version: "0.3.64",
    machineBytes: 3,
    devices: [{ name: "cpu", type: "cpu", memoryBytes: 2, freeMemoryBytes: 1 }],
  });
});

test("featuresSchema reads features without a limit", () => {
  expect(featuresSchema.parse({ supports_preview_metadata: true })).toEqual({});
});
