import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
  type Loose,
  post,
  untilHistory,
  upload,
  upscalePrompt,
} from "../../support/cpu-server-client.js";

// Pictures with alpha on the CPU server, by ComfyUI's own nodes.

let server: TestCpuServer;
let url: string;

beforeAll(async () => {
  server = await startCpuServer();
  url = server.url;
});
afterAll(() => server[Symbol.asyncDispose]());

it("JoinImageWithAlpha describes itself as ComfyUI's does", async () => {
  const path = new URL("../../fixtures/object-info/core.json", import.meta.url);
  const { JoinImageWithAlpha: recorded } = JSON.parse(await readFile(path, "utf8"));
  expect(await getJson(`${url}/object_info/JoinImageWithAlpha`)).toMatchObject({
    JoinImageWithAlpha: { ...recorded, input: expect.anything() },
  });
});

describe("a picture of a red cross whose hidden pixels are green", () => {
  const path = new URL("../../fixtures/pictures/hidden-green.png", import.meta.url);

  it.each([2, 4])("keeps its alpha %i times as large", async (scale) => {
    const result = await enlarged(new Uint8Array(await readFile(path)), `x${scale}`, scale);
    expect(result).toMatchObject({ width: 48 * scale, height: 32 * scale, channels: 4 });
    expect(result.at(24 * scale, 16 * scale)[3]).toBe(255);
    expect(result.at(0, 0)[3]).toBe(0);
  });

  it("shows no green at its edges", async () => {
    const result = await enlarged(new Uint8Array(await readFile(path)), "edges", 2);
    const shown = result.pixels().filter(([, , , alpha = 0]) => alpha > 0);
    const edgeCount = shown.filter(([, , , alpha = 0]) => alpha < 255).length;
    const greenest = Math.max(...shown.map(([, green = 0]) => green));
    expect(edgeCount).toBeGreaterThan(20);
    expect(greenest).toBeLessThanOrEqual(32);
  });

  it("loses its alpha in a graph that does not join it", async () => {
    await upload(url, "lost.png", new Uint8Array(await readFile(path)));
    expect((await run(upscalePrompt("lost.png", "lost"))).channels).toBe(3);
  });
});

describe("a picture that hides everything gets no alpha", () => {
  it.each([3, 4] as const)("from %i channels", async (channels) => {
    const background = { r: 10, g: 200, b: 30, alpha: 1 };
    const picture = sharp({ create: { width: 12, height: 9, channels, background } });
    const png = await picture.png().toBuffer();
    expect((await sharp(png).metadata()).channels).toBe(channels);
    const result = await enlarged(new Uint8Array(png), `opaque${channels}`, 2);
    expect(result).toMatchObject({ width: 24, height: 18, channels: 3 });
  });
});

it("a half transparent picture stays so, in colour and alpha", async () => {
  const background = { r: 200, g: 100, b: 50, alpha: 0.5 };
  const picture = sharp({ create: { width: 5, height: 6, channels: 4, background } });
  const result = await enlarged(new Uint8Array(await picture.png().toBuffer()), "half", 2);
  expect(result.at(9, 11)).toEqual(result.at(0, 0));
  const wanted = [200, 100, 50, 128];
  for (const [channel, value] of result.at(9, 11).entries())
    expect(Math.abs(value - wanted[channel]!)).toBeLessThanOrEqual(2);
});

/** LoadImage -> ImageUpscaleWithModel -> JoinImageWithAlpha -> SaveImage. */
async function enlarged(png: Uint8Array<ArrayBuffer>, prefix: string, scale: number) {
  await upload(url, `${prefix}.png`, png);
  const prompt = upscalePrompt(`${prefix}.png`, prefix, `anime4k-cnn-x${scale}`);
  prompt["5"] = {
    class_type: "JoinImageWithAlpha",
    inputs: { image: ["3", 0], alpha: ["1", 1] },
  };
  prompt["4"].inputs.images = ["5", 0];
  return await run(prompt);
}

async function run(prompt: Loose) {
  const entry = await untilHistory(url, (await post(`${url}/prompt`, { prompt })).body.prompt_id);
  expect(entry.status.messages.at(-1)[0]).toBe("execution_success");
  const [file] = entry.outputs["4"].images;
  const response = await fetch(`${url}/view?${new URLSearchParams(file)}`);
  const { data, info } = await sharp(Buffer.from(await response.arrayBuffer()))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const at = (x: number, y: number) => [
    ...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels),
  ];
  const pixels = () =>
    Array.from({ length: width * height }, (_, place) =>
      at(place % width, Math.floor(place / width)),
    );
  return { width, height, channels, at, pixels };
}
