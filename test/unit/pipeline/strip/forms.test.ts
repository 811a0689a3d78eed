import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  ALL_FORMATS,
  BufferSource,
  BufferTarget,
  EncodedPacket,
  EncodedVideoPacketSource,
  Input,
  MkvOutputFormat,
  MovOutputFormat,
  Mp4OutputFormat,
  Output,
  type OutputFormat,
  WebMOutputFormat,
} from "mediabunny";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { stripGraph } from "../../../../src/pipeline/strip/strip-graph.js";
import { readInputFixture } from "../../../support/fixtures.js";
import { tempDir } from "../../../support/temp-dir.js";

const SECRET = "secret-customer.mp4";
const PROMPT = JSON.stringify({ 1: { class_type: "LoadVideo", inputs: { file: SECRET } } });
const WORKFLOW = JSON.stringify({ last_node_id: 1, nodes: [{ widgets_values: [SECRET] }] });
/** As VideoHelperSuite writes it. */
const COMMENT = JSON.stringify({ prompt: PROMPT, workflow: JSON.parse(WORKFLOW) });

async function strip(content: Uint8Array): Promise<Buffer> {
  const path = join(await tempDir(), "result");
  await writeFile(path, content);
  await stripGraph(path);
  const once = await readFile(path);
  await stripGraph(path);
  expect(once.equals(await readFile(path)), "stripped twice").toBe(true);
  return once;
}

function expectNoGraph(content: Buffer): void {
  for (const encoding of ["latin1", "utf16le"] as const)
    for (const word of [SECRET, "class_type", "widgets_values"])
      expect(content.includes(word, 0, encoding), word).toBe(false);
}

async function film(format: OutputFormat, tags: Record<string, string>): Promise<Buffer> {
  const target = new BufferTarget();
  const output = new Output({ format, target });
  const source = new EncodedVideoPacketSource("vp9");
  output.addVideoTrack(source, { frameRate: 24 });
  output.setMetadataTags({ title: "A holiday", ...tags });
  await output.start();
  const decoderConfig = { codec: "vp09.00.10.08", codedWidth: 64, codedHeight: 48 };
  for (let index = 0; index < 24; index += 1)
    await source.add(new EncodedPacket(FRAME, "key", index / 24, 1 / 24), { decoderConfig });
  await output.finalize();
  return Buffer.from(target.buffer ?? new ArrayBuffer(0));
}

const FRAME = new Uint8Array(500).fill(1);

async function read(content: Buffer) {
  using input = new Input({ source: new BufferSource(content), formats: ALL_FORMATS });
  const track = await input.getPrimaryVideoTrack();
  const packetCount = (await track?.computePacketStats())?.packetCount;
  return { packetCount, tags: await input.getMetadataTags() };
}

describe("the graph is taken out of a film", () => {
  it.each([
    ["MKV", new MkvOutputFormat(), COMMENT],
    ["MKV", new MkvOutputFormat(), PROMPT],
    ["MKV", new MkvOutputFormat(), WORKFLOW],
    ["WebM", new WebMOutputFormat(), COMMENT],
    ["MP4", new Mp4OutputFormat(), COMMENT],
    ["MP4", new Mp4OutputFormat({ fastStart: "in-memory" }), WORKFLOW],
    ["MOV", new MovOutputFormat(), PROMPT],
  ])("%s, %#", async (_name, format, comment) => {
    const before = await film(format, { comment });
    expect(before.includes(SECRET)).toBe(true);
    const after = await strip(before);
    expectNoGraph(after);
    expect(after).toHaveLength(before.length);
    expect((await read(after)).packetCount).toBe(24);
  });

  it("MKV keeps its other tags", async () => {
    const after = await strip(await film(new MkvOutputFormat(), { comment: COMMENT }));
    expect((await read(after)).tags).toMatchObject({ title: "A holiday" });
  });

  it("of VideoHelperSuite, where it is JSON in JSON", async () => {
    const before = await readInputFixture("video-helper-suite.mp4");
    const after = await strip(before);
    expectNoGraph(after);
    expect((await read(after)).packetCount).toBe((await read(before)).packetCount);
  });

  it.each([
    ["MKV", new MkvOutputFormat()],
    ["WebM", new WebMOutputFormat()],
    ["MP4", new Mp4OutputFormat()],
  ])("and without one %s keeps every byte", async (_name, format) => {
    const before = await film(format, { comment: "the workflow of a camera" });
    expect((await strip(before)).equals(before)).toBe(true);
  });

  it("of metadata of any size in little memory", async () => {
    const path = join(await tempDir(), "result.mp4");
    const metadataBytes = 768 * 1024 ** 2;
    const head = Buffer.from("\0\0\0\x08ftyp\0\0\0\0moov\0\0\0\0udta", "latin1");
    head.writeUInt32BE(metadataBytes + 16, 8);
    head.writeUInt32BE(metadataBytes + 8, 16);
    await using file = await open(path, "w+");
    await file.write(head);
    await file.truncate(head.length + metadataBytes);
    await file.write(PROMPT, head.length + metadataBytes - PROMPT.length);
    const before = process.resourceUsage().maxRSS;
    await stripGraph(path);
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(300 * 1024 ** 2);
    const { buffer } = await file.read(Buffer.alloc(200), 0, 200, metadataBytes - 100);
    expectNoGraph(buffer);
  });
});

describe("the graph is taken out of a picture", () => {
  const picture = () =>
    sharp({ create: { width: 32, height: 24, channels: 3, background: "red" } });
  const pixelsOf = async (content: Buffer) => await sharp(content).raw().toBuffer();

  it("WebP, where it is EXIF", async () => {
    const exif = { IFD0: { Model: `prompt:${PROMPT}`, Make: `workflow:${WORKFLOW}` } };
    const before = await picture().webp().withExif(exif).toBuffer();
    const after = await strip(before);
    expectNoGraph(after);
    expect(after).toHaveLength(before.length);
    expect(await sharp(after).metadata()).not.toHaveProperty("exif");
    expect(await pixelsOf(after)).toEqual(await pixelsOf(before));
  });

  it("WebP, where it is EXIF and XMP: neither is announced any more", async () => {
    const exif = { IFD0: { Model: `prompt:${PROMPT}` } };
    const before = await picture()
      .webp()
      .withExif(exif)
      .withXmp(`<x>workflow:${WORKFLOW}</x>`)
      .toBuffer();
    const after = await strip(before);
    expectNoGraph(after);
    const flagsAt = 20;
    expect([before[flagsAt], after[flagsAt]].map((flags) => Number(flags) & 0x0c)).toEqual([
      0x0c, 0,
    ]);
    expect(await pixelsOf(after)).toEqual(await pixelsOf(before));
  });

  it.each([
    ["EXIF", `Exif\0\0MM..prompt:${PROMPT}`, "latin1", 0xe1],
    ["EXIF in 16 bits", `UNICODE${WORKFLOW}`, "utf16le", 0xe1],
    ["a comment", PROMPT, "latin1", 0xfe],
  ] as const)("JPEG, where it is %s", async (_name, text, encoding, marker) => {
    const before = await picture()
      .jpeg()
      .withExif({ IFD0: { Artist: "somebody" } })
      .toBuffer();
    const content = Buffer.from(text, encoding);
    const segment = Buffer.concat([Buffer.from([0xff, marker, 0, 0]), content]);
    segment.writeUInt16BE(content.length + 2, 2);
    const spoiled = Buffer.concat([before.subarray(0, 2), segment, before.subarray(2)]);
    expect((await strip(spoiled)).equals(before)).toBe(true);
  });

  it("JPEG, WebP and PNG without one keep every byte", async () => {
    const exif = { IFD0: { Artist: "somebody", ImageDescription: "our workflow" } };
    for (const format of ["jpeg", "webp", "png"] as const) {
      const before = await picture().withExif(exif).toFormat(format).toBuffer();
      expect((await strip(before)).equals(before), format).toBe(true);
    }
  });

  it.each([
    ["the chunk of animations", "comf", `prompt\0${PROMPT}`],
    ["text under another name", "tEXt", `parameters\0${PROMPT}`],
    ["international text", "iTXt", `workflow\0\0\0\0\0${WORKFLOW}`],
    ["compressed text", "zTXt", "Prompt\0\0compressed"],
    ["EXIF", "eXIf", `MM..workflow:${WORKFLOW}`],
  ])("PNG, where it is %s", async (_name, type, text) => {
    const before = await picture().png().toBuffer();
    const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from(type + text), Buffer.alloc(4)]);
    chunk.writeUInt32BE(text.length);
    const spoiled = Buffer.concat([before.subarray(0, 33), chunk, before.subarray(33)]);
    expect((await strip(spoiled)).equals(before)).toBe(true);
  });
});
