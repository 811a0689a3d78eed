import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { type ProbedInput, probeInput } from "../../../../src/input/probe/probe-input.js";
import { inputFixture } from "../../../support/fixtures.js";
import { tempDir } from "../../../support/temp-dir.js";
import { type TiffPage, tiffOf } from "../../../support/tiffs.js";

async function probe(path: string): Promise<ProbedInput> {
  return await probeInput(path, "image", { maxPixels: 1e6 }, new AbortController().signal);
}

async function fileOf(content: Buffer): Promise<string> {
  const path = join(await tempDir(), "picture");
  await writeFile(path, content);
  return path;
}

/** A picture whose JPEG is long enough to be cut. */
async function jpeg(): Promise<Buffer> {
  const raw = Buffer.alloc(90 * 60 * 3);
  for (const index of raw.keys()) raw[index] = (index * index * 31) >> 5;
  return await sharp(raw, { raw: { width: 90, height: 60, channels: 3 } })
    .jpeg()
    .toBuffer();
}

/** The last hundredth of its rows is missing. */
async function cutPhotograph(): Promise<Buffer> {
  const large = sharp(await jpeg()).resize(900, 600, { kernel: "nearest" });
  const content = await large.jpeg().toBuffer();
  return content.subarray(0, Math.floor(content.length * 0.99));
}

function red() {
  return sharp({ create: { width: 64, height: 48, channels: 3, background: "#d04020" } });
}

async function meanOf(path: string): Promise<number[]> {
  return (await sharp(await readFile(path)).stats()).channels.map(({ mean }) => Math.round(mean));
}

describe("a sloppy JPEG that viewers show", () => {
  it("is taken with a faulty scan header", async () => {
    const facts = await probe(inputFixture("bad-scan-header.jpg"));
    expect(facts).toMatchObject({ width: 48, height: 32, notes: [] });
  });

  it.each([
    ["stray bytes between its segments", (content: Buffer) => insert(content, 20, [0, 0, 0])],
    ["stray bytes behind its end", (content: Buffer) => insert(content, content.length, [1, 2, 3])],
    [
      "a wrong bit among its pixels",
      (content: Buffer) => {
        const at = Math.floor(content.length * 0.7);
        content[at] = (content[at] ?? 0) ^ 0x10;
        return content;
      },
    ],
  ])("is taken with %s", async (_what, spoil) => {
    expect(await probe(await fileOf(spoil(await jpeg())))).toMatchObject({ width: 90, height: 60 });
  });

  it("is taken without its end marker, and gets one", async () => {
    const whole = await jpeg();
    const path = await fileOf(whole.subarray(0, -2));
    expect(await probe(path)).toMatchObject({ sizeBytes: whole.length });
    expect(await readFile(path)).toEqual(whole);
  });

  it("is refused where pixels are missing, and left as it is", async () => {
    for (const cut of [(await jpeg()).subarray(0, -40), await cutPhotograph()]) {
      const path = await fileOf(cut);
      await expect(probe(path)).rejects.toMatchObject({ code: "INPUT_DAMAGED" });
      expect(await readFile(path)).toEqual(cut);
    }
  });
});

describe("a picture of many pages", () => {
  const page = (width: number, value: number, subfile?: number): TiffPage => ({
    ...{ width, height: 8, value },
    ...(subfile !== undefined && { subfile }),
  });

  it.each([
    ["the first is used", [page(16, 50), page(24, 150)], 0],
    ["the first that is no thumbnail is used", [page(4, 50, 1), page(16, 150, 0)], 1],
    ["the first is used where all are reduced", [page(4, 50, 1), page(16, 150, 1)], 0],
  ])("gives one: %s", async (_what, pages, index) => {
    const path = await fileOf(tiffOf(pages));
    expect(await probe(path)).toMatchObject({
      mediaType: "image/png",
      extension: ".png",
      width: pages[index]?.width,
      notes: [`Page ${index + 1} of 2 was used`],
    });
    expect(await meanOf(path)).toEqual(Array(3).fill(pages[index]?.value));
  });

  it("is no animation because of a thumbnail", async () => {
    const path = join(await tempDir(), "picture");
    await copyFile(inputFixture("thumbnail-first.tif"), path);
    expect(await probe(path)).toMatchObject({ width: 48, height: 32 });
  });
});

describe("an odd colour space", () => {
  it.each([
    ["CMYK in a JPEG", () => red().toColourspace("cmyk").jpeg().toBuffer(), "CMYK"],
    ["CMYK in a TIFF", () => red().toColourspace("cmyk").tiff().toBuffer(), "CMYK"],
    ["CIELAB", async () => tiffOf([{ ...aPage, photometric: 8, bits: 16 }]), "CIELAB"],
    ["floating point", async () => tiffOf([{ ...aPage, bits: 32, format: 3 }]), "linear RGB"],
  ])("%s is converted", async (_what, make, name) => {
    const path = await fileOf(await make());
    const facts = await probe(path);
    expect(facts).toMatchObject({ mediaType: "image/png", extension: ".png" });
    expect(facts.notes).toEqual([expect.stringMatching(`^Colours were converted from ${name} `)]);
    expect(await sharp(await readFile(path)).metadata()).toMatchObject({ space: "srgb" });
  });

  it("keeps its colours as they look", async () => {
    const path = await fileOf(await red().toColourspace("cmyk").tiff().toBuffer());
    await probe(path);
    for (const [index, mean] of (await meanOf(path)).entries())
      expect(Math.abs(mean - ([0xd0, 0x40, 0x20][index] ?? 0))).toBeLessThan(40);
  });

  it.each([
    ["raw data of a camera", { photometric: 32_803 }, 'its colour space ("multiband"'],
    [
      "a compression that nothing decodes",
      { compression: 34_712 },
      "nothing here decodes its kind",
    ],
    ["12 bits", { bits: 12 }, "nothing here decodes its kind"],
  ])("%s is named as unsupported, not as damaged", async (_what, changes, reason) => {
    const path = await fileOf(tiffOf([{ ...aPage, ...changes }]));
    await expect(probe(path)).rejects.toMatchObject({
      code: "INPUT_TYPE_UNSUPPORTED",
      message: expect.stringContaining(reason),
    });
  });

  it.each([
    ["16 bits of RGB", () => red().toColourspace("rgb16").png()],
    ["16 bits of grey", () => red().toColourspace("grey16").png()],
    ["grey", () => red().toColourspace("b-w").png()],
    ["a palette", () => red().png({ palette: true })],
    ["a wide gamut by its profile", () => red().withIccProfile("p3").png()],
  ])("%s is none: the file is sent as it is", async (_what, make) => {
    const content = await make().toBuffer();
    const path = await fileOf(content);
    expect((await probe(path)).notes).toEqual([]);
    expect(await readFile(path)).toEqual(content);
  });

  it("keeps 16 bits of a page of several", async () => {
    const path = await fileOf(tiffOf([{ ...aPage, bits: 16 }, aPage]));
    await probe(path);
    expect(await sharp(await readFile(path)).metadata()).toMatchObject({ depth: "ushort" });
  });
});

it("a TIFF that is cut off is refused", async () => {
  const whole = tiffOf([{ width: 90, height: 60, value: 50 }]);
  const path = await fileOf(whole.subarray(0, whole.length / 2));
  await expect(probe(path)).rejects.toMatchObject({ code: "INPUT_DAMAGED" });
});

it("AVIF is known by its other brands", async () => {
  const facts = await probe(inputFixture("brand-mif1.avif"));
  expect(facts).toMatchObject({ mediaType: "image/avif", extension: ".avif", width: 48 });
});

it("AVIF is known by its content where no brand tells", async () => {
  const content = await readFile(inputFixture("brand-mif1.avif"));
  content.write("miaf", content.indexOf("avif"), "latin1");
  const facts = await probe(await fileOf(content));
  expect(facts).toMatchObject({ mediaType: "image/avif", width: 48 });
});

const aPage: TiffPage = { width: 16, height: 8, value: 100 };

function insert(content: Buffer, at: number, bytes: readonly number[]): Buffer {
  return Buffer.concat([content.subarray(0, at), Buffer.from(bytes), content.subarray(at)]);
}
