import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crop, type Frame, paste } from "../../../src/cpu-server/network/frame.js";
import { loadNetwork, type Network } from "../../../src/cpu-server/network/network.js";
import { contextOf, cutTiles } from "../../../src/cpu-server/network/tiles.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  type Loose,
  listen,
  post,
  untilHistory,
  upload,
  upscalePrompt,
} from "../../support/cpu-server-client.js";
import { REDUCTIONS, readPhotographs, reduce, withoutRim } from "../../support/photographs.js";
import { enlargeByLanczos, lumaPsnr, lumaSsim } from "../../support/picture-quality.js";

// The real network, on this CPU.

let server: TestCpuServer;
let url: string;
let photograph: Frame;

beforeAll(async () => {
  server = await startCpuServer({ threads: 2 });
  url = server.url;
  const [first] = await readPhotographs();
  if (first !== undefined) photograph = first.frame;
});
afterAll(() => server[Symbol.asyncDispose]());

describe("a picture sent through the network", () => {
  it("comes out four times as large truer than Lanczos makes it", async () => {
    const small = await reduce(photograph, 4, "area");
    await upload(url, "small.png", await pngOf(small));
    const result = withoutRim(await run(upscalePrompt("small.png", "quality", "anime4k-cnn-x4")));
    const lanczos = withoutRim(enlargeByLanczos(small, 4));
    const original = withoutRim(photograph);
    expect(lumaSsim(original, result)).toBeGreaterThan(lumaSsim(original, lanczos) + 0.02);
    expect(lumaPsnr(original, result)).toBeGreaterThan(lumaPsnr(original, lanczos));
  });

  it("comes out three times as large, by the name that the network had before", async () => {
    await upload(url, "tiny.png", await pngOf(crop(photograph, 0, 0, 10, 8)));
    const result = await run(upscalePrompt("tiny.png", "former", "esrgan-slim-x3"));
    expect([result.width, result.height]).toEqual([30, 24]);
  });

  it("tells progress and can be interrupted at every tile", async () => {
    await upload(url, "large.png", await pngOf(crop(photograph, 0, 0, 512, 512)));
    await using listener = await listen(url, "tiles");
    const id = await submit(upscalePrompt("large.png", "tiles"), { client_id: "tiles" });
    const first = await listener.until(({ type }) => type === "progress");
    expect(first.data).toEqual({ value: 1, max: 16, prompt_id: id, node: "3" });
    await post(`${url}/interrupt`, { prompt_id: id });
    await listener.untilEnd(id);
    const ticks = listener.heard.filter(({ type }) => type === "progress");
    // Of two threads, each is at most in the middle of one tile when the interrupt comes.
    expect(ticks.length).toBeLessThan(8);
    expect(listener.heard.at(-3)?.type).toBe("execution_interrupted");
  });

  it("is upright, whatever its orientation says", async () => {
    const background = { r: 9, g: 99, b: 199 };
    const turned = await sharp({ create: { width: 20, height: 10, channels: 3, background } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    await upload(url, "turned.png", new Uint8Array(turned));
    const upright = await run(upscalePrompt("turned.png", "turned"));
    expect([upright.width, upright.height]).toEqual([20, 40]);
    expect(farthest(upright, [9, 99, 199])).toBeLessThanOrEqual(2);
  });

  it("may be grey", async () => {
    const grey = await sharp({
      create: { width: 10, height: 8, channels: 3, background: "#777777" },
    })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    await upload(url, "grey.png", new Uint8Array(grey));
    const result = await run(upscalePrompt("grey.png", "grey"));
    expect([result.width, result.height]).toEqual([20, 16]);
  });

  it("may be an animation: one file for each picture", async () => {
    const frames = Buffer.concat([Buffer.alloc(16 * 8 * 3, 10), Buffer.alloc(16 * 8 * 3, 200)]);
    const animation = await sharp(frames, {
      raw: { width: 16, height: 16, channels: 3, pageHeight: 8 },
    })
      .gif({ loop: 0, delay: [100, 100] })
      .toBuffer();
    await upload(url, "animation.gif", new Uint8Array(animation));
    const entry = await untilHistory(
      url,
      await submit(upscalePrompt("animation.gif", "animation")),
    );
    const names = entry.outputs["4"].images.map(({ filename }: Loose) => filename);
    expect(names).toEqual(["animation_00001_.png", "animation_00002_.png"]);
  });
});

describe("a plain picture stays plain to its last pixel", () => {
  const SIZES = [
    [1, 1],
    [1, 7],
    [3, 3],
    [64, 64],
  ] as const;
  const COLOURS = [
    [0, 0, 0],
    [119, 119, 119],
    [255, 255, 255],
    [230, 30, 60],
  ] as const;
  const cases = SIZES.flatMap(([width, height]) =>
    [2, 4].map((scale) => ({ width, height, scale })),
  );

  it.each(cases)("$width x $height, enlarged $scale times", async ({ width, height, scale }) => {
    for (const [r, g, b] of COLOURS) {
      const name = `plain-${[width, height, scale, r].join("-")}.png`;
      const picture = { create: { width, height, channels: 3 as const, background: { r, g, b } } };
      await upload(url, name, new Uint8Array(await sharp(picture).png().toBuffer()));
      const result = await run(upscalePrompt(name, name, `anime4k-cnn-x${scale}`));
      expect([result.width, result.height]).toEqual([width * scale, height * scale]);
      expect(farthest(result, [r, g, b])).toBeLessThanOrEqual(2);
    }
  });

  it.each([2, 4])("a white one from a file, enlarged %i times", async (scale) => {
    await upload(url, "white.png", new Uint8Array(await readFile(picturePath("white.png"))));
    const result = await run(upscalePrompt("white.png", `w${scale}`, `anime4k-cnn-x${scale}`));
    expect(farthest(result, [255, 255, 255])).toBeLessThanOrEqual(2);
  });
});

describe("the network", () => {
  let network: Network;
  beforeAll(async () => {
    network = await loadNetwork();
  });

  const doubled = (frame: Frame, edge?: number): Frame => {
    const [width, height] = [frame.width * 2, frame.height * 2];
    const whole: Frame = { width, height, rgb: new Uint8Array(width * height * 3) };
    for (const tile of cutTiles(frame.width, frame.height, edge)) {
      const context = contextOf(tile);
      const cut = crop(frame, context.left, context.top, context.width, context.height);
      paste(whole, network.double(cut), tile.left * 2, tile.top * 2);
    }
    return whole;
  };

  it.each(REDUCTIONS)(
    "makes photographs truer than Lanczos does: %s reduced",
    async (reduction) => {
      for (const { name, frame } of await readPhotographs()) {
        const small = await reduce(frame, 2, reduction);
        const original = withoutRim(frame);
        const [result, lanczos] = [doubled(small), enlargeByLanczos(small, 2)].map(withoutRim);
        if (result === undefined || lanczos === undefined) throw new Error("Nothing to compare");
        const ssim = lumaSsim(original, result);
        expect(ssim, name).toBeGreaterThan(lumaSsim(original, lanczos) + 0.005);
        expect(lumaPsnr(original, result), name).toBeGreaterThan(lumaPsnr(original, lanczos) + 0.5);
      }
    },
  );

  it.each([1, 7, 40, 99])("makes the same of a picture in tiles of %i", (edge) => {
    const picture = crop(photograph, 150, 30, 100, 90);
    const whole = doubled(picture);
    expect(Buffer.compare(doubled(picture, edge).rgb, whole.rgb)).toBe(0);
  });
});

const submit = async (prompt: Loose, rest: Loose = {}): Promise<string> =>
  (await post(`${url}/prompt`, { prompt, ...rest })).body.prompt_id;

/** Runs a prompt and fetches its picture. */
async function run(prompt: Loose): Promise<Frame> {
  const entry = await untilHistory(url, await submit(prompt));
  expect(entry.status.messages.at(-1)[0]).toBe("execution_success");
  const file = entry.outputs["4"].images[0];
  const response = await fetch(`${url}/view?${new URLSearchParams(file)}`);
  return await readFrame(Buffer.from(await response.arrayBuffer()));
}

/** How far a value lies from a plain picture's. */
function farthest({ rgb }: Frame, colour: readonly number[]): number {
  return rgb.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (colour[index % 3] ?? 0))),
    0,
  );
}

function picturePath(name: string): URL {
  return new URL(`../../fixtures/pictures/${name}`, import.meta.url);
}

async function readFrame(picture: Buffer): Promise<Frame> {
  const { data, info } = await sharp(picture)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data };
}

async function pngOf({ width, height, rgb }: Frame): Promise<Uint8Array<ArrayBuffer>> {
  const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}
