import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MkvOutputFormat } from "mediabunny";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { TaskType } from "../../../../src/domain/task.js";
import { probeInput } from "../../../../src/input/probe/probe-input.js";
import { writeContainer } from "../../../support/container-video.js";
import { tempDir } from "../../../support/temp-dir.js";

const METADATA_BYTES = 1024 ** 3;
/** Far more than looking into a small file takes, far less than the metadata. */
const MAX_GROWTH_BYTES = 400 * 1024 ** 2;

/** Bytes, or a hole of so many bytes. */
type Part = Buffer | number;

async function fileOf(parts: readonly Part[]): Promise<string> {
  const path = join(await tempDir(), "input");
  await using file = await open(path, "w");
  let at = 0;
  for (const part of parts) {
    if (typeof part !== "number") await file.write(part, 0, part.length, at);
    at += typeof part === "number" ? part : part.length;
  }
  await file.truncate(at);
  return path;
}

/** Looks into a file, and checks that this took little memory. */
async function probeInLittleMemory(path: string, type: TaskType) {
  const before = process.resourceUsage().maxRSS;
  try {
    return await probeInput(path, type, { maxPixels: 1e6 }, new AbortController().signal);
  } finally {
    const grownBytes = (process.resourceUsage().maxRSS - before) * 1024;
    expect(grownBytes).toBeLessThan(MAX_GROWTH_BYTES);
  }
}

function boxHead(type: string, contentBytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + contentBytes);
  head.write(type, 4, "latin1");
  return head;
}

/** A clip whose index is at the end, in two parts: what is before it, and the content of `moov`. */
async function clip(): Promise<readonly [frames: Buffer, index: Buffer]> {
  const path = join(await tempDir(), "clip.mp4");
  await writeContainer(path);
  const content = await readFile(path);
  const at = content.indexOf("moov") - 4;
  const end = at + content.readUInt32BE(at);
  const index = Buffer.from(content.subarray(at + 8, end));
  // Where the index was is free space, so that no frame moves.
  content.write("free", at + 4, "latin1");
  return [content, index];
}

describe("metadata of any size takes little memory", () => {
  it.each(["udta", "meta", "free"])("in the index of a video, as %s", async (type) => {
    const [frames, index] = await clip();
    const moov = boxHead("moov", 8 + METADATA_BYTES + index.length);
    const path = await fileOf([frames, moov, boxHead(type, METADATA_BYTES), METADATA_BYTES, index]);
    const facts = await probeInLittleMemory(path, "video");
    expect(facts).toMatchObject({ width: 64, height: 48 });
    expect(facts.durationSeconds).toBeCloseTo(2);
    // The file stays readable, and is not grown again.
    expect(await probeInLittleMemory(path, "video")).toEqual(facts);
  });

  it("in a track of a video", async () => {
    const [frames, index] = await clip();
    const at = index.indexOf("trak") - 4;
    const end = at + index.readUInt32BE(at);
    const path = await fileOf([
      frames,
      boxHead("moov", index.length + 8 + METADATA_BYTES),
      index.subarray(0, at),
      boxHead("trak", end - at + METADATA_BYTES),
      boxHead("udta", METADATA_BYTES),
      METADATA_BYTES,
      index.subarray(at + 8),
    ]);
    expect(await probeInLittleMemory(path, "video")).toMatchObject({ width: 64, height: 48 });
  });

  it("in an index with unknown content, which is refused", async () => {
    const [frames, index] = await clip();
    const moov = boxHead("moov", 8 + METADATA_BYTES + index.length);
    const path = await fileOf([
      ...[frames, moov, boxHead("abcd", METADATA_BYTES), METADATA_BYTES, index],
    ]);
    await expect(probeInLittleMemory(path, "video")).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      message: expect.stringMatching(/the video's index \(moov\) has 10737\d+ bytes/),
    });
  });

  it("in the index of a video that cannot grow, which is refused", async () => {
    const [frames, index] = await clip();
    const moov = boxHead("moov", 8 + METADATA_BYTES + index.length);
    const openEnded = Buffer.from("\0\0\0\0mdat");
    const path = await fileOf([
      ...[frames, moov, boxHead("udta", METADATA_BYTES), METADATA_BYTES, index, openEnded],
    ]);
    await expect(probeInLittleMemory(path, "video")).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
    });
  });

  it.each([
    ["attachments", 0x1941a469],
    ["tags", 0x1254c367],
  ])("in an MKV, as %s", async (_name, id) => {
    const clipPath = join(await tempDir(), "clip.mkv");
    await writeContainer(clipPath, { format: new MkvOutputFormat() });
    const clip = await readFile(clipPath);
    // The segment ends where the file does, so its size need not be stated.
    const segment = clip.indexOf(fourBytes(0x18538067));
    const info = clip.lastIndexOf(fourBytes(0x1549a966));
    const unknownSize = Buffer.from("01ffffffffffffff", "hex");
    for (const sizeBytes of [5, 8]) {
      const size = Buffer.alloc(sizeBytes);
      size.writeUIntBE(METADATA_BYTES, sizeBytes - 5, 5);
      size[0] = (size[0] ?? 0) | (1 << (8 - sizeBytes));
      const path = await fileOf([
        ...[clip.subarray(0, segment), fourBytes(0x18538067), unknownSize],
        ...[fourBytes(id), size, METADATA_BYTES, clip.subarray(info)],
      ]);
      expect(await probeInLittleMemory(path, "video")).toMatchObject({ width: 64, height: 48 });
    }
  });

  it.each([
    ["APP1", 0xe1],
    ["APP2", 0xe2],
    ["COM", 0xfe],
  ])("in a JPEG, as %s, which is refused", async (name, marker) => {
    const jpeg = await picture().jpeg().toBuffer();
    const segments = Array.from({ length: METADATA_BYTES / 65_536 }, () => [
      Buffer.from([0xff, marker, 0xff, 0xff]),
      0xffff - 2,
    ]);
    const path = await fileOf([jpeg.subarray(0, 2), ...segments.flat(), jpeg.subarray(2)]);
    await expect(probeInLittleMemory(path, "image")).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      message: expect.stringMatching(
        `^Cannot use input: its metadata \\(${name}\\) has at least \\d+ bytes, more than`,
      ),
    });
  });

  it("between the scans of a progressive JPEG, which is refused", async () => {
    const jpeg = await picture().jpeg({ progressive: true }).toBuffer();
    const secondScan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const segments = Array.from({ length: 70 * 16 }, () => [
      Buffer.from([0xff, 0xe1, 0xff, 0xff]),
      0xffff - 2,
    ]);
    const path = await fileOf([
      ...[jpeg.subarray(0, secondScan), ...segments.flat(), jpeg.subarray(secondScan)],
    ]);
    await expect(probeInLittleMemory(path, "image")).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
    });
  });

  it("behind a JPEG, where nothing reads it", async () => {
    const path = await fileOf([await picture().jpeg().toBuffer(), METADATA_BYTES]);
    expect(await probeInLittleMemory(path, "image")).toMatchObject({ width: 64, height: 48 });
  });

  it("in a GIF, which is refused", async () => {
    const gif = await picture().gif().toBuffer();
    const path = await fileOf([gif, METADATA_BYTES]);
    await expect(probeInLittleMemory(path, "image")).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
    });
  });

  it("in a PNG and a WebP", async () => {
    const png = await picture().png().toBuffer();
    const chunk = Buffer.from("\0\0\0\0tEXtkey\0", "latin1");
    chunk.writeUInt32BE(METADATA_BYTES);
    const path = await fileOf([png.subarray(0, 33), chunk, METADATA_BYTES, png.subarray(33)]);
    expect(await probeInLittleMemory(path, "image")).toMatchObject({ width: 64, height: 48 });
    const webp = await picture().webp().toBuffer();
    const exif = Buffer.from("EXIF\0\0\0\0", "latin1");
    exif.writeUInt32LE(METADATA_BYTES, 4);
    webp.writeUInt32LE(webp.length + METADATA_BYTES, 4);
    const other = await fileOf([webp, exif, METADATA_BYTES]);
    expect(await probeInLittleMemory(other, "image")).toMatchObject({ width: 64, height: 48 });
  });
});

function fourBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function picture() {
  return sharp({ create: { width: 64, height: 48, channels: 3, background: "red" } });
}
