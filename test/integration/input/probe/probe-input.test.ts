import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { MkvOutputFormat, MovOutputFormat, Mp4OutputFormat, WebMOutputFormat } from "mediabunny";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import type { TaskType } from "../../../../src/domain/task.js";
import {
  type ProbedInput,
  type ProbeLimits,
  probeInput,
} from "../../../../src/input/probe/probe-input.js";
import { sniffMediaType } from "../../../../src/input/probe/sniff-media-type.js";
import { type ContainerOptions, writeContainer } from "../../../support/container-video.js";
import { tempDir } from "../../../support/temp-dir.js";

/** What is told of a picture while it is judged. */
async function seenOf(path: string): Promise<readonly object[]> {
  const seen: object[] = [];
  const { signal } = new AbortController();
  await probeInput(path, "image", LIMITS, signal, (each) => seen.push(each));
  return seen;
}

/** Looks into a file without a caller that could cancel it. */
function probe(path: string, type: TaskType, limits: ProbeLimits): Promise<ProbedInput> {
  return probeInput(path, type, limits, new AbortController().signal);
}

const LIMITS = { maxPixels: 1_000_000 };

async function fileOf(content: Buffer | string, name = "input"): Promise<string> {
  const path = join(await tempDir(), name);
  await writeFile(path, content);
  return path;
}

/** A picture that does not compress, so that a part of its file is a part of its pixels. */
function picture(width = 90, height = 60): Sharp {
  const raw = Buffer.alloc(width * height * 3);
  let state = 1;
  for (let index = 0; index < raw.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    raw[index] = state >>> 24;
  }
  return sharp(raw, { raw: { width, height, channels: 3 } });
}

function animation(): Sharp {
  const frame = (color: string) => ({
    create: { width: 8, height: 8, channels: 3 as const, background: color },
  });
  return sharp([frame("red"), frame("blue")] as never, { join: { animated: true } });
}

/** A PNG chunk: length, type, content, checksum. */
function pngChunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const ends = [Buffer.alloc(4), Buffer.alloc(4)] as const;
  ends[0].writeUInt32BE(content.length);
  ends[1].writeUInt32BE(crc32(body));
  return Buffer.concat([ends[0], body, ends[1]]);
}

/** Where the content of a PNG's first chunk, IHDR, begins and the next chunk. */
const IHDR = 16;
const AFTER_IHDR = 33;

async function pngClaiming(width: number, height: number): Promise<Buffer> {
  const png = await picture().png().toBuffer();
  const header = Buffer.from(png.subarray(IHDR, IHDR + 13));
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([png.subarray(0, 8), pngChunk("IHDR", header), png.subarray(AFTER_IHDR)]);
}

async function animatedPng(): Promise<Buffer> {
  const png = await picture().png().toBuffer();
  const control = pngChunk("acTL", Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]));
  return Buffer.concat([png.subarray(0, AFTER_IHDR), control, png.subarray(AFTER_IHDR)]);
}

describe("probeInput() of an image", () => {
  it.each([
    ["image/jpeg", ".jpg", () => picture().jpeg()],
    ["image/jpeg", ".jpg", () => picture().jpeg({ progressive: true })],
    ["image/png", ".png", () => picture().png()],
    ["image/webp", ".webp", () => picture().webp()],
    ["image/gif", ".gif", () => picture().gif()],
    ["image/tiff", ".tif", () => picture().tiff()],
    ["image/avif", ".avif", () => picture().avif()],
  ])("knows %s by its content, whatever its name", async (mediaType, extension, make) => {
    const content = await make().toBuffer();
    const path = await fileOf(content, "video.mp4");
    await expect(probe(path, "image", LIMITS)).resolves.toEqual({
      mediaType,
      extension,
      sizeBytes: content.length,
      width: 90,
      height: 60,
      notes: [],
    });
  });

  it("answers the size as it is shown, rotated", async () => {
    const path = await fileOf(await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer());
    await expect(probe(path, "image", LIMITS)).resolves.toMatchObject({
      width: 60,
      height: 90,
    });
  });

  it.each([
    ["a JPEG", () => picture().jpeg()],
    ["a progressive JPEG", () => picture().jpeg({ progressive: true })],
    ["a PNG", () => picture().png()],
    ["a WebP", () => picture().webp()],
    ["a GIF", () => picture().gif()],
    ["an AVIF", () => picture().avif()],
  ])("refuses %s that is cut short", async (_what, make) => {
    const content = await make().toBuffer();
    for (const share of [0.5, 0.97]) {
      const path = await fileOf(content.subarray(0, Math.floor(content.length * share)));
      const error = await probe(path, "image", LIMITS).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "INPUT_DAMAGED",
        message: expect.stringMatching(/^Cannot use input: the image is damaged \(.+\)$/),
      });
      expect(String(error)).not.toMatch(path);
    }
  });

  it("refuses a decompression bomb by its header", async () => {
    const path = await fileOf(await pngClaiming(60_000, 60_000));
    await expect(probe(path, "image", LIMITS)).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      message: "Cannot use input: it has 60000 x 60000 pixels, more than the limit of 1000000",
    });
  });

  it("tells of alpha where a picture has it", async () => {
    const clear = await fileOf(await picture().ensureAlpha(0.5).png().toBuffer());
    expect(await probe(clear, "image", LIMITS)).toMatchObject({ hasAlpha: true });
    const opaque = await fileOf(await picture().png().toBuffer());
    expect(await probe(opaque, "image", LIMITS)).not.toHaveProperty("hasAlpha");
  });

  it("takes a picture of exactly the limit", async () => {
    const path = await fileOf(await picture().png().toBuffer());
    await expect(probe(path, "image", { maxPixels: 90 * 60 })).resolves.toBeDefined();
    await expect(probe(path, "image", { maxPixels: 90 * 60 - 1 })).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
    });
  });

  it.each([
    ["GIF", () => animation().gif().toBuffer()],
    ["WebP", () => animation().webp().toBuffer()],
    ["PNG", animatedPng],
  ])("refuses an animated %s", async (_what, make) => {
    const path = await fileOf(await make());
    await expect(probe(path, "image", LIMITS)).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringMatching("animat"),
    });
  });

  it.each([
    ["<!DOCTYPE html><html><body>Not found</body></html>", "it is a web page (HTML)"],
    ["\n\n<HTML><head>", "it is a web page (HTML)"],
    ['<?xml version="1.0"?><!DOCTYPE html><html/>', "it is a web page (HTML)"],
    ['<svg xmlns="http://www.w3.org/2000/svg"/>', "it is text"],
    ['{"error": "找不到"}', "it is text"],
    ["%PDF-1.7\n", "it is of the type application/pdf"],
    ["\0\0\0\x18ftypheic\0\0\0\0heicmif1", "it is of the type image/heic"],
    [`BM${"\0".repeat(60)}`, "it is of the type image/bmp"],
    [Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]), "its content is of no known type"],
    ["", "it is empty"],
  ])("says of %j behind an image's name what it is", async (content, what) => {
    const path = await fileOf(content, "photo.jpg");
    const error = await probe(path, "image", LIMITS).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INPUT_TYPE_UNSUPPORTED" });
    expect(String(error)).toContain(`Cannot use input: ${what}`);
    expect(String(error)).toContain("supported are JPEG, PNG");
  });

  it("stops when it is canceled", async () => {
    const path = await fileOf(await picture().png().toBuffer());
    const signal = AbortSignal.abort(new Error("canceled"));
    await expect(probeInput(path, "image", LIMITS, signal)).rejects.toThrow("canceled");
    const controller = new AbortController();
    let outcome: unknown;
    probeInput(path, "image", LIMITS, controller.signal).catch((thrown: unknown) => {
      outcome = thrown;
    });
    controller.abort("canceled");
    // The decoder is not waited for.
    await setImmediate();
    expect(outcome).toBe("canceled");
  });
});

describe("probeInput() of a video", () => {
  async function videoOf(options: ContainerOptions = {}): Promise<string> {
    const path = join(await tempDir(), "photo.jpg");
    await writeContainer(path, options);
    return path;
  }

  it.each([
    ["video/mp4", ".mp4", new Mp4OutputFormat({ fastStart: "in-memory" })],
    ["video/mp4", ".mp4", new Mp4OutputFormat({ fastStart: false })],
    ["video/mp4", ".mp4", new Mp4OutputFormat({ fastStart: "fragmented" })],
    ["video/quicktime", ".mov", new MovOutputFormat()],
    ["video/x-matroska", ".mkv", new MkvOutputFormat()],
    ["video/webm", ".webm", new WebMOutputFormat()],
  ])("reads %s", async (mediaType, extension, format) => {
    const facts = await probe(await videoOf({ format }), "video", LIMITS);
    expect(facts).toMatchObject({ mediaType, extension, width: 64, height: 48 });
    expect(facts.durationSeconds).toBeCloseTo(2, 2);
    expect(facts.fps).toBeCloseTo(24, 1);
  });

  it("answers the size as it is shown, rotated", async () => {
    const facts = await probe(await videoOf({ rotation: 90 }), "video", LIMITS);
    expect(facts).toMatchObject({ width: 48, height: 64 });
  });

  it.each([
    ["an MP4 with its index first", new Mp4OutputFormat({ fastStart: "in-memory" })],
    ["an MP4 with its index last", new Mp4OutputFormat({ fastStart: false })],
    ["a MOV", new MovOutputFormat()],
    ["an MKV", new MkvOutputFormat()],
    ["a WebM", new WebMOutputFormat()],
  ])("refuses %s that is cut short", async (_what, format) => {
    const path = await videoOf({ format });
    const content = await readFile(path);
    for (const share of [0.5, 0.9]) {
      await writeFile(path, content.subarray(0, Math.floor(content.length * share)));
      await expect(probe(path, "video", LIMITS)).rejects.toMatchObject({
        code: "INPUT_DAMAGED",
        message: expect.stringMatching(/^Cannot use input: the video is damaged, /),
      });
    }
  });

  it("refuses an MKV with zeros in place of its index, where its reader would never end", async () => {
    const path = await videoOf({ format: new MkvOutputFormat() });
    const content = await readFile(path);
    content.fill(0, content.lastIndexOf(Buffer.from("1654ae6b", "hex")));
    await writeFile(path, content);
    await expect(probe(path, "video", LIMITS)).rejects.toMatchObject({ code: "INPUT_DAMAGED" });
  });

  it("refuses a container whose index is overwritten", async () => {
    const path = await videoOf();
    const content = await readFile(path);
    content.fill(0xff, 40, 600);
    await writeFile(path, content);
    await expect(probe(path, "video", LIMITS)).rejects.toMatchObject({
      code: "INPUT_DAMAGED",
    });
  });

  it.each([
    ["an AVI", Buffer.concat([Buffer.from("RIFF\0\0\0\0AVI LIST"), Buffer.alloc(64)])],
    ["an FLV", Buffer.concat([Buffer.from("FLV\x01\x05\0\0\0\x09"), Buffer.alloc(64)])],
  ])("refuses %s and names what is supported", async (_what, content) => {
    await expect(probe(await fileOf(content), "video", LIMITS)).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringMatching("MP4, MOV, MKV and WebM"),
    });
  });

  it("refuses frames of too many pixels", async () => {
    await expect(probe(await videoOf(), "video", { maxPixels: 1000 })).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
    });
  });

  it("names both types where they contradict", async () => {
    await expect(probe(await videoOf(), "image", LIMITS)).rejects.toMatchObject({
      code: "INPUT_TYPE_MISMATCH",
      message: expect.stringMatching(/"image", .* "video" \(video\/mp4\)$/),
    });
    const still = await fileOf(await picture().png().toBuffer());
    await expect(probe(still, "video", LIMITS)).rejects.toMatchObject({
      code: "INPUT_TYPE_MISMATCH",
      message: expect.stringMatching(/"video", .* "image" \(image\/png\)$/),
    });
  });
});

describe("sniffMediaType()", () => {
  it("knows results by their content", async () => {
    const png = await fileOf(await picture().png().toBuffer(), "result.bin");
    await expect(sniffMediaType(png)).resolves.toEqual({
      type: "image",
      mediaType: "image/png",
      extension: ".png",
    });
    await expect(sniffMediaType(await fileOf("%PDF-1.7"))).resolves.toEqual({
      mediaType: "application/pdf",
      extension: ".pdf",
    });
    await expect(sniffMediaType(await fileOf("text"))).resolves.toEqual({
      mediaType: "application/octet-stream",
    });
  });
});

describe("a picture that is judged", () => {
  const size = { width: 90, height: 60 };
  const jpeg = { extension: ".jpg" };
  const png = { extension: ".png" };
  it.each([
    ["JPEG", () => picture().jpeg(), [jpeg, { ...jpeg, ...size }]],
    ["PNG", () => picture().png(), [png, { ...png, ...size }]],
    ["PNG with alpha", () => picture().ensureAlpha().png(), [{ ...png, ...size, hasAlpha: true }]],
    ["WebP", () => picture().webp(), [{ extension: ".webp", ...size }]],
  ] as const)(
    "is told of before its header is read, if its type tells that it is opaque: %s",
    async (_name, make, seen) => {
      expect(await seenOf(await fileOf(await make().toBuffer()))).toEqual(seen);
    },
  );
});
