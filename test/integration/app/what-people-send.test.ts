import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readClip } from "../../support/clips.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { inputFixture } from "../../support/fixtures.js";
import { serve } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";
import { tiffOf } from "../../support/tiffs.js";

// Files as people send them, all the way through the service and a server.

let server: TestCpuServer;

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
});
afterAll(() => server[Symbol.asyncDispose]());

async function enlarge(type: "image" | "video", content: Buffer, name: string) {
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(content, name);
  const taskId = await app.submit({ url, type, workflow: `cpu_${type}_2x` });
  const task = await app.ended(taskId);
  expect(task).toMatchObject({ status: "completed", error: null });
  const answer = await fetch(task.output.url);
  return { notes: task.notes, result: Buffer.from(await answer.arrayBuffer()) };
}

const cmyk = async (): Promise<Buffer> =>
  await sharp({ create: { width: 48, height: 32, channels: 3, background: "#d04020" } })
    .toColourspace("cmyk")
    .jpeg()
    .toBuffer();

describe("is enlarged", () => {
  it.each([
    ["a JPEG with a faulty scan header", "bad-scan-header.jpg", []],
    ["an AVIF under another brand", "brand-mif1.avif", []],
    ["a TIFF with a thumbnail", "thumbnail-first.tif", ["Page 1 of 2 was used"]],
  ])("%s", async (_what, name, notes) => {
    const enlarged = await enlarge("image", await readFile(inputFixture(name)), name);
    expect(enlarged.notes).toEqual(notes);
    expect(await sharp(enlarged.result).metadata()).toMatchObject({ width: 96, height: 64 });
  });

  it.each([
    ["a picture in CMYK", cmyk, 96],
    ["a JPEG without its end", async () => (await plain()).subarray(0, -2), 96],
    [
      "the first full page of a TIFF",
      async () =>
        tiffOf([
          { width: 4, height: 4, value: 9, subfile: 1 },
          { width: 24, height: 16, value: 80 },
        ]),
      48,
    ],
  ])("%s", async (_what, make, width) => {
    const { result } = await enlarge("image", await make(), "picture");
    expect(await sharp(result).metadata()).toMatchObject({ width });
  });

  it.each([
    ["a 3GP film", "brand-3gp6.3gp"],
    ["an 8-bit film in the colours of BT.2020", "bt2020-sdr.mp4"],
  ])("%s", async (_what, name) => {
    const { result } = await enlarge("video", await readFile(inputFixture(name)), name);
    expect(await readClip(result)).toMatchObject({ width: 128, height: 96 });
  });
});

async function plain(): Promise<Buffer> {
  return await sharp({ create: { width: 48, height: 32, channels: 3, background: "#208040" } })
    .jpeg()
    .toBuffer();
}
