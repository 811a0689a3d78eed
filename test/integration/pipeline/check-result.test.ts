import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { checkResult } from "../../../src/pipeline/result/check-result.js";
import type { Promised } from "../../../src/pipeline/result/judge-result.js";
import { lookAtPicture } from "../../../src/pipeline/result/look-at-picture.js";
import { type ClipOptions, makeClip } from "../../support/clips.js";
import { aPicture } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";

const SIZE = { width: 64, height: 48 };
const signal = new AbortController().signal;

async function fileOf(content: Uint8Array): Promise<string> {
  const path = join(await tempDir(), "file");
  await writeFile(path, content);
  return path;
}

async function check(
  result: Uint8Array,
  input: Uint8Array,
  promised: Promised = {},
): Promise<"good" | string> {
  const path = await fileOf(result);
  const toCheck = {
    path,
    promised,
    server: "gpu-1",
    input: async () => ({ path: await fileOf(input) }),
  };
  return await checkResult(toCheck, pino({ enabled: false }), signal).then(
    () => "good",
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

async function plain(colour: string, size = SIZE): Promise<Buffer> {
  return await sharp({ create: { ...size, channels: 3, background: colour } })
    .png()
    .toBuffer();
}

const clip = (options: ClipOptions = {}) =>
  makeClip({ hasAudio: false, scene: "moving", ...options });

describe("checkResult() of a picture", () => {
  test("takes one of something", async () => {
    expect(await check(await aPicture(), await aPicture())).toBe("good");
  });

  test.each(["black", "#808080", "white"])("refuses one that is all %s", async (colour) => {
    const told = await check(await plain(colour), await aPicture());
    expect(told).toMatch(/^BAD_RESULT: Server "gpu-1" made no usable result: it is of one colour/);
    expect(told.includes("black")).toBe(colour === "black");
  });

  test("takes one of one colour whose input is that too", async () => {
    expect(await check(await plain("black"), await plain("#030303"))).toBe("good");
    expect(await check(await plain("red"), await plain("#fe0000"))).toBe("good");
  });

  test("takes one of one colour whose input does not decode", async () => {
    expect(await check(await plain("black"), Buffer.from("nothing"))).toBe("good");
  });

  test("refuses one that is cut short", async () => {
    const whole = await aPicture();
    const cut = whole.subarray(0, whole.length / 2);
    expect(await check(cut, whole)).toMatch(
      'BAD_RESULT: Server "gpu-1" made no usable result: it cannot be decoded',
    );
  });

  test.each([
    [{ width: 64, height: 48 }, "good"],
    [{ width: 66, height: 47 }, "good"],
    [{ width: 48, height: 64 }, "good"],
    [{ width: 128, height: 96 }, "it has 64x48 pixels, not 128x96"],
  ])("of 64x48 where %o was promised", async (size, told) => {
    const picture = await sharp(await aPicture())
      .resize({ ...SIZE, fit: "fill" })
      .png()
      .toBuffer();
    expect(await check(picture, picture, { size })).toContain(told);
  });

  test("does not decode one as a whole that is too large for that", async () => {
    const interlaced = await sharp(await aPicture())
      .png({ progressive: true })
      .toBuffer();
    const plain = await sharp(await aPicture())
      .png()
      .toBuffer();
    const seen = async (picture: Buffer) => await lookAtPicture(await fileOf(picture), 10);
    expect((await seen(interlaced)).frames).toEqual([]);
    expect((await seen(plain)).frames).toHaveLength(1);
  });

  test("takes what is neither picture nor film", async () => {
    expect(await check(Buffer.from("some text"), await aPicture())).toBe("good");
  });
});

describe("checkResult() of a film", () => {
  test("takes one that moves, and one that stands still as its input does", async () => {
    expect(await check(await clip(), await clip())).toBe("good");
    expect(await check(await clip({ scene: "still" }), await clip({ scene: "still" }))).toBe(
      "good",
    );
    expect(await check(await clip({ scene: "black" }), await clip({ scene: "black" }))).toBe(
      "good",
    );
  });

  test("refuses one that is black, or stands still, and its input is not", async () => {
    expect(await check(await clip({ scene: "black" }), await clip())).toContain(
      "it is of one colour, black, and",
    );
    expect(await check(await clip({ scene: "still" }), await clip())).toContain(
      "it stands still and the input does not",
    );
  });

  test("refuses one without its last frames", async () => {
    const promised = { frameCount: 48 };
    expect(await check(await clip({ frameCount: 48 }), await clip(), promised)).toBe("good");
    expect(await check(await clip({ frameCount: 47 }), await clip(), promised)).toBe("good");
    expect(await check(await clip({ frameCount: 21 }), await clip(), promised)).toContain(
      "it has 21 frames, not 48",
    );
  });
});
