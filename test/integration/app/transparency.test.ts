import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { serve } from "../../support/pictures.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";
import { workflowsDir } from "../../support/workflows-dir.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const WIDTH = 32;
const HEIGHT = 24;
/** What the transparent half has in its other channels. */
const HIDDEN = [255, 0, 255];
const SHOWN = [10, 120, 30];

/** Its right half as opaque as is said, its left one entirely. */
async function picture(opacity: number, format: "png" | "webp" = "png"): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: WIDTH * HEIGHT }, (_, index) =>
      index % WIDTH < WIDTH / 2 ? [...SHOWN, 255] : [...HIDDEN, opacity],
    ).flat(),
  );
  const raw = { width: WIDTH, height: HEIGHT, channels: 4 } as const;
  return await sharp(pixels, { raw }).toFormat(format, { lossless: true, exact: true }).toBuffer();
}

async function opaquePicture(): Promise<Buffer> {
  return await sharp(await picture(255))
    .removeAlpha()
    .png()
    .toBuffer();
}

interface Result {
  readonly notes: readonly string[];
  readonly channels: number;
  at(x: number, y?: number): number[];
}

async function resultOf(
  app: TestApp,
  workflow: string,
  input: Buffer,
  name?: string,
): Promise<Result> {
  const taskId = await app.submit({ url: await serve(input, name), type: "image", workflow });
  const task = await app.ended(taskId);
  expect(task).toMatchObject({ status: "completed", error: null });
  const response = await fetch(`${app.url}/outputs/${taskId}/result.png`);
  const png = sharp(await response.arrayBuffer());
  const { data, info } = await png.raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([2 * WIDTH, 2 * HEIGHT]);
  const { channels, width } = info;
  return {
    ...{ channels, notes: task.notes },
    at: (x, y = HEIGHT) => [...data.subarray((y * width + x) * channels).subarray(0, channels)],
  };
}

/** The shipped workflows, one that drops alpha, and one that joins it without saying so. */
async function workflows(): Promise<string> {
  const directory = await workflowsDir({});
  const graph = JSON.parse(await readFile(join(directory, "cpu_image_2x.json"), "utf8"));
  await writeFile(join(directory, "joins.json"), JSON.stringify(graph));
  graph["4"].inputs.images = ["3", 0];
  graph["5"] = undefined;
  await writeFile(join(directory, "drops.json"), JSON.stringify(graph));
  return directory;
}

async function start() {
  const server = await startCpuServer({ switches: FAST });
  const env = { TMLSR_WORKFLOWS_DIR: await workflows() };
  const app = await startTestApp({ servers: [server.url], env });
  return {
    app,
    [Symbol.asyncDispose]: async () => {
      await app[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a picture keeps its alpha, enlarged, and an opaque one gets none", async () => {
  await using started = await start();
  const kept = await resultOf(started.app, "cpu_image_2x", await picture(0));
  expect(kept.channels).toBe(4);
  expect(kept.at(4)).toEqual([...SHOWN, 255]);
  // What does not show has the nearest colour that does.
  expect(kept.at(60)).toEqual([...SHOWN, 0]);
  // Smooth at the edge, which is between two pixels.
  const [, , , edge = 0] = kept.at(WIDTH - 1);
  expect(edge).toBeGreaterThan(128);
  expect(edge).toBeLessThan(255);
  const half = await resultOf(started.app, "cpu_image_2x", await picture(100, "webp"), "p.webp");
  expect(half.at(60)[3]).toBe(100);
  const opaque = await resultOf(started.app, "cpu_image_2x", await opaquePicture());
  expect(opaque.channels).toBe(3);
});

test("a workflow that drops alpha gets the picture on white", async () => {
  await using started = await start();
  const lost = await resultOf(started.app, "drops", await picture(0, "webp"), "p.webp");
  expect(lost.channels).toBe(3);
  expect([lost.at(4), lost.at(60)]).toEqual([SHOWN, [255, 255, 255]]);
  expect(lost.notes).toEqual(["Transparent parts were put on white: the workflow keeps no alpha"]);
  const hidden = await resultOf(started.app, "drops", await picture(255));
  expect([hidden.channels, hidden.at(60)]).toEqual([3, HIDDEN]);
  expect(hidden.notes).toEqual([]);
});

test("a workflow that takes the mask itself gets the picture as it is", async () => {
  await using started = await start();
  const joined = await resultOf(started.app, "joins", await picture(0));
  expect([joined.channels, joined.at(60)]).toEqual([4, [...SHOWN, 0]]);
});
