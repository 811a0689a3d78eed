import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClipFacts, makeClip, readClip } from "../../support/clips.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
  type Loose,
  post,
  smallPicture,
  untilHistory,
  upload,
} from "../../support/cpu-server-client.js";

const FRAME_COUNT = 12;

let server: TestCpuServer;
let url: string;
/** Every frame of the clip as the server decodes it. */
let frames: readonly Buffer[];

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 2, stepMs: 0 } } });
  url = server.url;
  await upload(url, "clip.mp4", await makeClip({ frameCount: FRAME_COUNT, scene: "moving" }));
  frames = await pictures(["2", 0]);
  expect(new Set(frames.map((frame) => frame.toString("hex"))).size).toBe(FRAME_COUNT);
});
afterAll(() => server[Symbol.asyncDispose]());

const CLIP = {
  "1": { class_type: "LoadVideo", inputs: { file: "clip.mp4" } },
  "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
};

const pick = (image: Loose, start: number, length: number): Loose => ({
  class_type: "ImageFromBatch",
  inputs: { image, batch_index: start, length },
});

const run = async (prompt: Loose): Promise<Loose> => {
  const { status, body } = await post(`${url}/prompt`, { prompt });
  expect({ status, body }).toMatchObject({ status: 200 });
  const history = await untilHistory(url, body.prompt_id);
  expect(history.status.status_str).toBe("success");
  return history;
};

/** The pixels of the pictures that a node gives. */
const pictures = async (images: Loose, nodes: Loose = {}): Promise<Buffer[]> => {
  const save = { class_type: "SaveImage", inputs: { images, filename_prefix: "p" } };
  const { outputs } = await run({ ...CLIP, ...nodes, save });
  return await Promise.all(
    outputs.save.images.map(({ filename }: Loose) =>
      sharp(join(server.dir, "output", filename))
        .raw()
        .toBuffer(),
    ),
  );
};

/** The film that is made of a node's pictures at the clip's own rate. */
const film = async (images: Loose, nodes: Loose): Promise<ClipFacts> => {
  const create = { class_type: "CreateVideo", inputs: { images, fps: ["2", 2] } };
  const kind = { filename_prefix: "f", format: "mp4", codec: "h264" };
  const save = { class_type: "SaveVideo", inputs: { video: ["create", 0], ...kind } };
  const { outputs } = await run({ ...CLIP, ...nodes, create, save });
  return await readClip(
    await readFile(join(server.dir, "output", outputs.save.images[0].filename)),
  );
};

describe("ImageFromBatch", () => {
  it("describes itself as ComfyUI's does", async () => {
    const path = new URL("../../fixtures/object-info/core-more.json", import.meta.url);
    const { derived_from, ...recorded } = JSON.parse(await readFile(path, "utf8")).ImageFromBatch;
    expect(derived_from).toContain("nodes_images");
    expect((await getJson(`${url}/object_info/ImageFromBatch`)).ImageFromBatch).toEqual(recorded);
  });

  it.each([
    ["from the start", 0, 3, [0, 1, 2]],
    ["out of the middle", 4, 2, [4, 5]],
    ["to the end", 10, 2, [10, 11]],
    ["more than there are", 9, 4096, [9, 10, 11]],
    ["beyond the end, which is the last", 12, 5, [11]],
    ["at the largest number", 4095, 1, [11]],
  ])("takes frames %s", async (_where, start, length, indices) => {
    const taken = await pictures(["pick", 0], { pick: pick(["2", 0], start, length) });
    expect(taken).toEqual(indices.map((index) => frames[index]));
  });

  it("takes frames of frames", async () => {
    const nodes = { first: pick(["2", 0], 3, 6), pick: pick(["first", 0], 2, 2) };
    expect(await pictures(["pick", 0], nodes)).toEqual([frames[5], frames[6]]);
  });

  it("takes pictures as well", async () => {
    await upload(url, "picture.png", await smallPicture());
    const load = { class_type: "LoadImage", inputs: { image: "picture.png" } };
    expect(await pictures(["pick", 0], { load, pick: pick(["load", 0], 7, 7) })).toHaveLength(1);
  });

  it.each([
    [5, 4],
    [11, 4],
    [40, 4],
  ])("makes films that begin at 0 (from %i on)", async (start, length) => {
    const made = await film(["pick", 0], { pick: pick(["2", 0], start, length) });
    const count = Math.max(1, Math.min(length, FRAME_COUNT - start));
    expect(made.frameTimes).toHaveLength(count);
    for (const [index, time] of made.frameTimes.entries()) expect(time).toBeCloseTo(index / 24, 3);
  });

  it("puts frames behind others, as ComfyUI's ImageBatch does", async () => {
    const path = new URL("../../fixtures/object-info/core-more.json", import.meta.url);
    const { derived_from: _, ...recorded } = JSON.parse(await readFile(path, "utf8")).ImageBatch;
    expect((await getJson(`${url}/object_info/ImageBatch`)).ImageBatch).toEqual(recorded);
    const inputs = { image1: ["own", 0], image2: ["lead", 0] };
    const all = { class_type: "ImageBatch", inputs };
    const nodes = { own: pick(["2", 0], 5, 3), lead: pick(["2", 0], 3, 2), all };
    const wanted = [5, 6, 7, 3, 4].map((index) => frames[index]);
    expect(await pictures(["all", 0], nodes)).toEqual(wanted);
    const made = await film(["all", 0], nodes);
    expect(made.frameTimes.map((time) => Math.round(time * 24))).toEqual([0, 1, 2, 3, 4]);
  });

  it("takes frames before and behind a network", async () => {
    const nodes = {
      before: pick(["2", 0], 2, 8),
      model: { class_type: "UpscaleModelLoader", inputs: { model_name: "anime4k-cnn-x2" } },
      network: {
        class_type: "ImageUpscaleWithModel",
        inputs: { upscale_model: ["model", 0], image: ["before", 0] },
      },
      behind: pick(["network", 0], 3, 4),
    };
    const made = await film(["behind", 0], nodes);
    expect(made).toMatchObject({ width: 128, height: 96 });
    expect(made.frameTimes.map((time) => Math.round(time * 24))).toEqual([0, 1, 2, 3]);
  });

  it.each([
    ["batch_index", 4096, "bigger than max of 4095"],
    ["length", 4097, "bigger than max of 4096"],
    ["length", 0, "smaller than min of 1"],
    ["batch_index", -1, "smaller than min of 0"],
  ])("is refused with %s %i", async (input, value, message) => {
    const node = pick(["2", 0], 0, 1);
    const save = { class_type: "SaveImage", inputs: { images: ["pick", 0], filename_prefix: "p" } };
    const prompt = {
      ...CLIP,
      pick: { ...node, inputs: { ...node.inputs, [input]: value } },
      save,
    };
    const { status, body } = await post(`${url}/prompt`, { prompt });
    expect(status).toBe(400);
    const type = value > 0 ? "value_bigger_than_max" : "value_smaller_than_min";
    expect(body.node_errors.pick.errors[0]).toMatchObject({ type, details: input });
    expect(body.node_errors.pick.errors[0].message).toContain(message);
  });
});
