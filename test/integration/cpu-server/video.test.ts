import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClipFacts, makeClip, readClip } from "../../support/clips.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
  type Loose,
  listen,
  post,
  untilHistory,
  upload,
} from "../../support/cpu-server-client.js";
import { makeFilm } from "../../support/films/make-film.js";
import { readInputFixture } from "../../support/fixtures.js";

// Videos on the CPU server, in ComfyUI's own nodes.

let server: TestCpuServer;
let url: string;
let count = 0;

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 2, stepMs: 0 } } });
  url = server.url;
  await upload(url, "clip.mp4", await makeClip());
});
afterAll(() => server[Symbol.asyncDispose]());

const film = {
  "1": { class_type: "LoadVideo", inputs: { file: "clip.mp4" } },
  "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
  "3": { class_type: "UpscaleModelLoader", inputs: { model_name: "anime4k-cnn-x2" } },
  "4": {
    class_type: "ImageUpscaleWithModel",
    inputs: { upscale_model: ["3", 0], image: ["2", 0] },
  },
  "5": {
    class_type: "CreateVideo",
    inputs: { images: ["4", 0], fps: ["2", 2], audio: ["2", 1] },
  },
};

/** The shipped workflow's graph over a clip, with changes by node. */
const enlarge = (file: string, prefix: string, changes: Loose = {}): Loose => ({
  ...film,
  "1": { class_type: "LoadVideo", inputs: { file } },
  "6": {
    class_type: "SaveVideo",
    inputs: { video: ["5", 0], filename_prefix: prefix, format: "mp4", codec: "h264" },
  },
  ...changes,
});

const submit = async (prompt: Loose, clientId?: string): Promise<string> => {
  count += 1;
  const promptId = `00000000-0000-4000-9000-${String(count).padStart(12, "0")}`;
  const rest = clientId === undefined ? {} : { client_id: clientId };
  const answer = await post(`${url}/prompt`, { prompt, prompt_id: promptId, ...rest });
  expect(answer).toMatchObject({ status: 200, body: { node_errors: {} } });
  return promptId;
};

const run = async (prompt: Loose): Promise<Loose> => await untilHistory(url, await submit(prompt));

/** Uploads a clip, runs the graph over it and reads the result. */
const result = async (
  name: string,
  clip: Uint8Array<ArrayBuffer>,
  changes: Loose = {},
): Promise<ClipFacts> => {
  await upload(url, `${name}.mp4`, clip);
  const { outputs, status } = await run(enlarge(`${name}.mp4`, name, changes));
  expect(status).toMatchObject({ status_str: "success" });
  const [{ filename }] = outputs["6"].images;
  return await readClip(await readFile(join(server.dir, "output", filename)));
};

const failure = async (prompt: Loose): Promise<Loose> => {
  const { status } = await run(prompt);
  const [type, data] = status.messages.at(-1);
  expect(type).toBe("execution_error");
  return data;
};

describe("the nodes", () => {
  it("describe themselves as ComfyUI's do", async () => {
    const path = new URL("../../fixtures/object-info/core.json", import.meta.url);
    const recorded = JSON.parse(await readFile(path, "utf8"));
    const info = await getJson(`${url}/object_info`);
    for (const name of ["LoadVideo", "GetVideoComponents", "CreateVideo", "SaveVideo"]) {
      recorded.LoadVideo.input.required.file[1].options = ["clip.mp4"];
      expect({ ...info[name], description: "" }).toMatchObject(recorded[name]);
    }
  });

  it("check the file before the prompt is taken", async () => {
    const { status, body } = await post(`${url}/prompt`, { prompt: enlarge("no.mp4", "x") });
    expect(status).toBe(400);
    expect(body.node_errors["1"].errors[0]).toMatchObject({
      type: "custom_validation_failed",
      details: "file - Invalid video file: no.mp4",
    });
  });
});

describe("a video enlarged frame by frame", () => {
  it("keeps number and times of frames, audio, duration and colour", async () => {
    const clip = await makeClip();
    const before = await readClip(clip);
    const after = await result("plain", clip);
    expect(after).toMatchObject({ width: 128, height: 96, codec: "avc", rotation: 0, stretch: 1 });
    expect(after.frameTimes).toHaveLength(12);
    expect(after.fps).toBeCloseTo(before.fps, 3);
    expect(after.seconds).toBeCloseTo(before.seconds, 2);
    expect(before.audio.length).toBeGreaterThan(5);
    expect(after.audio.map(({ data }) => data)).toEqual(before.audio.map(({ data }) => data));
    expect(after.audio.map(({ timestamp }) => timestamp)).toEqual(
      before.audio.map(({ timestamp }) => timestamp),
    );
    for (const [channel, mean] of after.colour.entries())
      expect(Math.abs(mean - before.colour[channel]!)).toBeLessThan(4);
  });

  it.each([
    ["in the colours of BT.2020 but without a high dynamic range", "bt2020-sdr.mp4"],
    ["whose frames change their size, all in the size of the first", "size-change.webm"],
  ])("may be one %s", async (_what, name) => {
    const clip = new Uint8Array(await readInputFixture(name));
    const before = await readClip(clip);
    const after = await result(name, clip);
    expect(after).toMatchObject({ width: 128, height: 96 });
    expect(after.frameTimes).toHaveLength(before.frameTimes.length);
  });

  it("loses in encoding what a crf allows, by the keys of later versions", async () => {
    const sizes: number[] = [];
    for (const crf of [4, 44]) {
      const { inputs } = enlarge("clip.mp4", `crf${crf}`)["6"];
      const encoding = { "codec.encoding": "re-encode", "codec.encoding.crf": crf };
      const save = { class_type: "SaveVideo", inputs: { ...inputs, ...encoding } };
      const { outputs } = await run(enlarge("clip.mp4", "x", { "6": save }));
      const [{ filename }] = outputs["6"].images;
      sizes.push((await readFile(join(server.dir, "output", filename))).length);
    }
    expect(sizes[0]).toBeGreaterThan(sizes[1] ?? Infinity);
  });

  it("says which colours the source was shown in, as players guess by a size that has changed", async () => {
    const clip = await makeClip();
    expect((await readClip(clip)).colourMatrix).toBeUndefined();
    expect((await result("colours", clip)).colourMatrix).toBe("smpte170m");
  });

  it("keeps variable frame times, rotation and pixel aspect ratio", async () => {
    const startSeconds = (index: number) => index * 0.04 + (index % 3) * 0.01;
    const clip = await makeClip({ startSeconds, rotation: 90, stretch: 2 });
    const before = await readClip(clip);
    const after = await result("odd-times", clip);
    expect(after).toMatchObject({ rotation: 90, stretch: 2, width: 128, height: 96 });
    for (const [index, time] of after.frameTimes.entries())
      expect(time).toBeCloseTo(before.frameTimes[index]!, 3);
  });

  it("spaces the frames evenly at a frame rate that is not the film's own", async () => {
    const create = { class_type: "CreateVideo", inputs: { images: ["4", 0], fps: 12 } };
    const after = await result("slow", await makeClip(), { "5": create });
    expect(after.fps).toBeCloseTo(12, 3);
    expect(after.audio).toEqual([]);
  });

  it("works without audio", async () => {
    const after = await result("silent", await makeClip({ hasAudio: false }));
    expect(after.frameTimes).toHaveLength(12);
    expect(after.audio).toEqual([]);
  });

  it("is shown as ComfyUI's, under a name of the prefix, in a folder of it", async () => {
    const { outputs } = await run(enlarge("clip.mp4", "films/%width%"));
    expect(outputs["6"]).toEqual({
      images: [{ filename: "128_00001_.mp4", subfolder: "films", type: "output" }],
      animated: [true],
    });
  });

  it("is told tile by tile for the network and frame by frame for the file", async () => {
    await using listener = await listen(url, "watcher");
    await listener.untilEnd(await submit(enlarge("clip.mp4", "watched"), "watcher"));
    const steps = (node: string) =>
      listener.heard
        .filter(({ type, data }) => type === "progress" && data.node === node)
        .map(({ data }) => `${data.value}/${data.max}`);
    expect(steps("4")).toEqual(Array.from({ length: 24 }, (_, at) => `${at + 1}/24`));
    expect(steps("6")).toEqual(Array.from({ length: 12 }, (_, at) => `${at + 1}/12`));
    const state = listener.heard.findLast(({ type }) => type === "progress_state");
    const states = Object.values<Loose>(state?.data.nodes).map((node) => node.state);
    expect(new Set(states)).toEqual(new Set(["finished"]));
  });

  it("tells each prompt its own progress, though the graph before it is the same", async () => {
    await run(enlarge("clip.mp4", "first"));
    await using listener = await listen(url, "second");
    const promptId = await submit(enlarge("clip.mp4", "second"), "second");
    await listener.untilEnd(promptId);
    const told = listener.heard.filter(
      ({ type, data }) => type === "progress" && data.node === "4",
    );
    expect(new Set(told.map(({ data }) => data.prompt_id))).toEqual(new Set([promptId]));
  });

  it("goes frame by frame into pictures too, as a batch does", async () => {
    const save = { class_type: "SaveImage", inputs: { images: ["4", 0], filename_prefix: "f" } };
    const { "5": _create, ...rest } = film;
    const { outputs } = await run({ ...rest, "6": save });
    expect(outputs["6"].images).toHaveLength(12);
    expect(outputs["6"].images[11].filename).toBe("f_00012_.png");
  });

  it.each([0, 119, 255])("stays plain to its last pixel where all is %i", async (grey) => {
    await server.set({ simulate: null });
    await upload(url, `grey-${grey}.mp4`, await makeClip({ colour: [grey, grey, grey] }));
    const load = { class_type: "LoadVideo", inputs: { file: `grey-${grey}.mp4` } };
    const save = {
      class_type: "SaveImage",
      inputs: { images: ["4", 0], filename_prefix: "plain" },
    };
    const { "5": _create, ...rest } = film;
    const { outputs } = await run({ ...rest, "1": load, "6": save });
    await server.set({ simulate: { steps: 2, stepMs: 0 } });
    expect(outputs["6"].images).toHaveLength(12);
    for (const { filename } of outputs["6"].images) {
      const { channels } = await sharp(join(server.dir, "output", filename)).stats();
      for (const { min, max } of channels)
        expect(Math.max(grey - min, max - grey)).toBeLessThanOrEqual(2);
    }
  });

  it("is resized without a network", async () => {
    const scale = {
      class_type: "ImageScale",
      inputs: {
        image: ["2", 0],
        upscale_method: "bicubic",
        width: 32,
        height: 0,
        crop: "disabled",
      },
    };
    const after = await result("small", await makeClip(), { "4": scale });
    expect(after).toMatchObject({ width: 32, height: 24 });
    expect(after.frameTimes).toHaveLength(12);
  });
});

describe("what cannot be done as it should be is refused", () => {
  it("more than 8 bits", async () => {
    await upload(url, "ten-bits.mov", await makeClip({ codec: "prores" }));
    const error = await failure(enlarge("ten-bits.mov", "refused"));
    expect(error.node_type).toBe("LoadVideo");
    expect(error.exception_message).toContain("more than 8 bits");
  });

  it("a high dynamic range", async () => {
    await upload(url, "hdr.mp4", await makeClip({ isHdr: true }));
    const error = await failure(enlarge("hdr.mp4", "refused"));
    expect(error.node_type).toBe("LoadVideo");
    expect(error.exception_message).toContain("HDR");
  });

  it("what is no video", async () => {
    await upload(url, "text.mp4", "no video at all");
    expect(await failure(enlarge("text.mp4", "refused"))).toMatchObject({ node_type: "LoadVideo" });
  });

  it("a damaged file whose reader would never end", async () => {
    const path = join(server.dir, "endless.mkv");
    await makeFilm(path, { frameCount: 4 });
    const content = new Uint8Array(await readFile(path));
    content.fill(0, Buffer.from(content).lastIndexOf(Buffer.from("1654ae6b", "hex")));
    await upload(url, "endless.mkv", content);
    const error = await failure(enlarge("endless.mkv", "refused"));
    expect(error).toMatchObject({ node_type: "LoadVideo" });
  });

  it("sizes that H.264 does not have, before any frame is computed", async () => {
    const scale = {
      class_type: "ImageScale",
      inputs: { image: ["2", 0], upscale_method: "area", width: 33, height: 24, crop: "disabled" },
    };
    const error = await failure(enlarge("clip.mp4", "refused", { "4": scale }));
    expect(error).toMatchObject({ node_type: "SaveVideo" });
    expect(error.exception_message).toContain("33x24");
  });
});

it("an interrupt ends a video between two tiles and leaves no file", async () => {
  await server.set({ simulate: { steps: 4, stepMs: 40 } });
  await using listener = await listen(url, "stopper");
  const promptId = await submit(enlarge("clip.mp4", "stopped"), "stopper");
  await listener.until(({ type, data }) => type === "progress" && data.node === "6");
  expect(existsSync(join(server.dir, "output", "stopped_00001_.mp4"))).toBe(false);
  await post(`${url}/interrupt`);
  await listener.untilEnd(promptId);
  expect(listener.heard.some(({ type }) => type === "execution_interrupted")).toBe(true);
  expect(existsSync(join(server.dir, "output", "stopped_00001_.mp4"))).toBe(false);
  expect(await readdir(join(server.dir, "temp"))).toEqual([]);
  await server.set({ simulate: { steps: 2, stepMs: 0 } });
  expect((await run(enlarge("clip.mp4", "after"))).status.status_str).toBe("success");
});
