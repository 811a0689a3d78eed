import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MkvOutputFormat } from "mediabunny";
import { describe, expect, it } from "vitest";
import {
  type ProbedInput,
  type ProbeLimits,
  probeInput,
} from "../../../../src/input/probe/probe-input.js";
import { makeClip } from "../../../support/clips.js";
import { writeContainer } from "../../../support/container-video.js";
import { inputFixture } from "../../../support/fixtures.js";
import { tempDir } from "../../../support/temp-dir.js";

const ANY_SERVER = { maxPixels: 1e6 };
const BUILT_IN_ONLY = { maxPixels: 1e6, isBuiltInOnly: true };

async function probe(path: string, limits: ProbeLimits = ANY_SERVER): Promise<ProbedInput> {
  return await probeInput(path, "video", limits, new AbortController().signal);
}

async function fileOf(content: Uint8Array): Promise<string> {
  const path = join(await tempDir(), "film");
  await writeFile(path, content);
  return path;
}

/** Writes a 32-bit number into a box, so many bytes behind its type. */
function patch(content: Buffer, type: string, offset: number, value: number, from = 0): number {
  const at = content.indexOf(type, from, "latin1");
  expect(at).toBeGreaterThan(0);
  content.writeUInt32BE(value, at + 4 + offset);
  return at + 4;
}

describe("a film whose container states more than its picture", () => {
  it("is whole where another track states it", async () => {
    const clip = Buffer.from(await makeClip());
    const ofVideo = patch(clip, "mvhd", 16, 900_000);
    const mdhd = clip.indexOf("mdhd", ofVideo, "latin1");
    patch(clip, "mdhd", 16, 9_000_000, mdhd + 4);
    expect((await probe(await fileOf(clip))).durationSeconds).toBeCloseTo(0.5);
  });

  it("is damaged where the picture's own track states it", async () => {
    const clip = Buffer.from(await makeClip());
    patch(clip, "mdhd", 16, 9_000_000);
    await expect(probe(await fileOf(clip))).rejects.toMatchObject({
      code: "INPUT_DAMAGED",
      message: expect.stringMatching(/it ends after 0\.5 of \d+\.\d s$/),
    });
  });

  it("is whole in an MKV, which states one duration for all tracks", async () => {
    const path = join(await tempDir(), "film.mkv");
    await writeContainer(path, { format: new MkvOutputFormat() });
    const content = await readFile(path);
    // Duration: its id, a size of 8 bytes, a double.
    const at = content.indexOf(Buffer.from([0x44, 0x89, 0x88]));
    expect(at).toBeGreaterThan(0);
    content.writeDoubleBE(content.readDoubleBE(at + 3) * 10, at + 3);
    await writeFile(path, content);
    expect((await probe(path)).durationSeconds).toBeCloseTo(2);
  });
});

describe("a clip of one frame", () => {
  it("has the rate that its time gives", async () => {
    const path = await fileOf(await makeClip({ frameCount: 1, hasAudio: false }));
    expect((await probe(path)).fps).toBeCloseTo(24);
  });

  it("has no rate where its time is a tick of the clock", async () => {
    const startSeconds = (index: number) => index / 12_800;
    const clip = await makeClip({ frameCount: 1, hasAudio: false, startSeconds });
    expect(await probe(await fileOf(clip))).not.toHaveProperty("fps");
  });
});

describe("MP4 families", () => {
  it.each([["3gp6"], ["3g2a"], ["M4V "], ["F4V "], ["XAVC"], ["dash"]])(
    "%s are MP4 films",
    async (brand) => {
      const clip = Buffer.from(await makeClip());
      clip.write(brand, 8, "latin1");
      expect(await probe(await fileOf(clip))).toMatchObject({
        mediaType: "video/mp4",
        extension: ".mp4",
        width: 64,
      });
    },
  );

  it("3GP from a phone is one", async () => {
    expect(await probe(inputFixture("brand-3gp6.3gp"))).toMatchObject({ mediaType: "video/mp4" });
  });
});

describe("a high dynamic range", () => {
  it("is no matter of BT.2020 alone", async () => {
    const facts = await probe(inputFixture("bt2020-sdr.mp4"), BUILT_IN_ONLY);
    expect(facts).toMatchObject({ width: 64, height: 48, notes: [] });
  });

  it("is refused where the built-in server is the only one, else left to the servers", async () => {
    const path = await fileOf(await makeClip({ isHdr: true, hasAudio: false }));
    await expect(probe(path, BUILT_IN_ONLY)).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringContaining("it has a high dynamic range (PQ)"),
    });
    const { notes } = await probe(path);
    expect(notes).toEqual([]);
  });
});

describe("a codec that nothing here decodes", () => {
  it("is named where the built-in server is the only one", async () => {
    await expect(probe(inputFixture("motion-jpeg.mov"), BUILT_IN_ONLY)).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringContaining('its video codec "jpeg" is not decoded'),
    });
  });

  it("is sent on where there are ComfyUI servers", async () => {
    const facts = await probe(inputFixture("motion-jpeg.mov"));
    expect(facts).toMatchObject({ width: 64, height: 48, fps: 10 });
  });
});

describe("frames that change their size", () => {
  it("are refused before a ComfyUI server gets them", async () => {
    await expect(probe(inputFixture("size-change.webm"))).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringContaining("its frames change their size, to 96 x 72"),
    });
  });

  it("are noted where the built-in server scales them", async () => {
    const { notes } = await probe(inputFixture("size-change.webm"), BUILT_IN_ONLY);
    expect(notes).toEqual([
      "Frames of another size (96 x 72) were scaled to the size of the first",
    ]);
  });
});
