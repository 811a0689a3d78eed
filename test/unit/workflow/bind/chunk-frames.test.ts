import { describe, expect, it } from "vitest";
import { chunkFrames } from "../../../../src/workflow/bind/chunk-frames.js";
import type { Prompt } from "../../../../src/workflow/workflow.js";
import { load, values } from "../shipped.js";
import { workflow } from "../workflows.js";

const GIB = 2 ** 30;
const HD = { width: 1920, height: 1080 };
const memory = (machine: number, device = 24) => ({
  deviceBytes: device * GIB,
  machineBytes: machine * GIB,
});

const shipped = (name: string, machine: number, size = HD, given = {}) =>
  chunkFrames({
    ...{ graph: load(name), values: values(load(name), given), ...size },
    memory: memory(machine),
  });

describe("chunkFrames()", () => {
  it("takes as many frames as half of the memory holds, ten copies of each at twice the size", () => {
    const frameBytes = 10 * 12 * 1920 * 1080;
    expect(shipped("esrgan_video_1920", 64)).toBe(Math.floor((32 * GIB) / frameBytes));
    expect(shipped("esrgan_video_1920", 128)).toBe(Math.floor((64 * GIB) / frameBytes));
  });

  it("takes fewer of larger frames, and for a larger result", () => {
    const large = shipped("esrgan_video_1920", 64, { width: 3840, height: 2160 });
    expect(large).toBe(Math.floor((8 * GIB) / (10 * 12 * 1920 * 1080)));
    const four = (32 * GIB) / (34 * 12 * 1920 * 1080);
    expect(shipped("esrgan_video_3840", 64)).toBe(Math.floor(four));
  });

  it("takes numbers that suit the network", () => {
    for (const machine of [16, 24, 48, 100]) {
      expect(shipped("seedvr2_video_1080", machine, { width: 960, height: 540 }) % 4).toBe(1);
      expect(shipped("flashvsr_video", machine) % 8).toBe(5);
      expect(shipped("relayvsr_video", machine, { width: 640, height: 360 }) % 15).toBe(1);
    }
  });

  it("goes by the size of the result where that is what a task asks for", () => {
    const small = { width: 640, height: 360 };
    const normal = shipped("seedvr2_video_1080", 64, small);
    expect(shipped("seedvr2_video_1080", 64, small, { resolution: 540 })).toBeGreaterThan(normal);
    expect(shipped("flashvsr_video", 64, small, { scale: 4 })).toBeLessThan(
      shipped("flashvsr_video", 64, small),
    );
  });

  it("goes by the device where that has less", () => {
    const of = (device: number) =>
      chunkFrames({
        ...{ graph: load("esrgan_video_1920"), values: {}, ...HD },
        memory: memory(512, device),
      });
    expect(of(4)).toBe(Math.floor((2 * GIB) / (12 * 1920 * 1080)));
    expect(of(80)).toBeGreaterThan(of(4));
  });

  it("keeps to the limit that it is given, and to what can be picked", () => {
    const of = (name: string, maxFrames?: number) =>
      chunkFrames({
        ...{ graph: load(name), values: values(load(name)), width: 64, height: 48 },
        ...{ memory: memory(1024, 1024), ...(maxFrames !== undefined && { maxFrames }) },
      });
    expect(of("esrgan_video_1920", 100)).toBe(100);
    expect(of("flashvsr_video", 100)).toBe(93);
    expect(of("esrgan_video_1920")).toBe(4096);
    expect(of("seedvr2_video_1080")).toBe(4093);
  });

  it("does not count the memory of a server that computes frame by frame", () => {
    expect(shipped("cpu_video_2x", 1)).toBe(4096);
  });

  it("leaves a frame beside the context, however little memory there is", () => {
    expect(shipped("esrgan_video_1920", 0)).toBe(1);
    expect(shipped("seedvr2_video_1080", 0)).toBe(13);
    expect(shipped("relayvsr_video", 0)).toBe(46);
    expect(shipped("flashvsr_video", 0)).toBe(21);
  });

  it("expects much of a graph that states nothing, and little of a server that does not say", () => {
    const film: Prompt = {
      "1": { class_type: "LoadVideo", inputs: { file: "in.mp4" } },
      "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
      "3": { class_type: "CreateVideo", inputs: { images: ["2", 0], fps: 24 } },
      "4": { class_type: "SaveVideo", inputs: { video: ["3", 0], filename_prefix: "x" } },
    };
    expect(chunkFrames({ graph: workflow(film), values: {}, ...HD })).toBe(
      Math.floor((8 * GIB) / (34 * 12 * 1920 * 1080)),
    );
  });
});
