import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { InputFacts } from "../../../src/domain/task.js";
import { variantOn } from "../../../src/workflow/check/missing-for.js";
import type { Prompt } from "../../../src/workflow/workflow.js";
import { readClip } from "../../support/clips.js";
import { frameSize, type Size } from "./frame-sizes.js";
import { bind, load, PLACES, SERVERS, type ServerName, values } from "./shipped.js";

// A film that is stored lying on its side: ComfyUI hands on its frames as they are stored, since 2026-04 as they are shown.

const FILM = fileURLToPath(new URL("../../fixtures/films/turned.mp4", import.meta.url));
const FILMS = PLACES.filter(([name]) => name.includes("video"));

const FILE = { mediaType: "video/mp4", sizeBytes: 1 };

let turned: InputFacts;
beforeAll(async () => {
  const { width, height, rotation } = await readClip(await readFile(FILM));
  expect(width).toBeGreaterThan(height);
  const rotationDegrees = rotation === 90 ? 90 : 270;
  expect(rotation).toBe(rotationDegrees);
  turned = { ...FILE, width: height, height: width, rotationDegrees };
});

function swap({ width, height }: Size): Size {
  return { width: height, height: width };
}

function prompt(name: string, place: ServerName, input: InputFacts): Prompt {
  const classes = SERVERS[place];
  const variant = variantOn(load(name), { classes });
  if (variant === undefined) throw new Error("It does not run");
  return bind(variant.graph, values(load(name)), classes, { input });
}

/** The size of the film that is put together of the frames. */
function madeSize(made: Prompt, decoded: Size): Size {
  const [, link] = Object.values(made).flatMap(({ class_type, inputs }) =>
    class_type === "CreateVideo" ? [0, inputs["images"]] : [],
  );
  return frameSize(made, String((link as readonly unknown[])[0]), decoded);
}

function expectSameShape(size: Size, { width, height }: Size): void {
  const scale = Math.max(size.width, size.height) / Math.max(width, height);
  expect(Math.abs(size.width - width * scale)).toBeLessThanOrEqual(1);
  expect(Math.abs(size.height - height * scale)).toBeLessThanOrEqual(1);
  expect([size.width % 2, size.height % 2]).toEqual([0, 0]);
}

describe.each(FILMS)("%s on ComfyUI %s", (name, place) => {
  const isOlder = place.startsWith("0.3.64");

  it.each([1, 8])("keeps the shape of a turned film, %i times its size", (factor) => {
    const shown = { width: turned.width * factor, height: turned.height * factor };
    const made = prompt(name, place, { ...turned, ...shown });
    const decoded = isOlder ? swap(shown) : shown;
    const size = madeSize(made, decoded);
    expectSameShape(size, decoded);
    const upright = prompt(name, place, { ...FILE, ...shown });
    const uprightSize = madeSize(upright, shown);
    expect(size).toEqual(isOlder ? swap(uprightSize) : uprightSize);
  });
});

describe.each(["esrgan_video_1920", "esrgan_video_3840", "anime_video_1920"])("%s", (name) => {
  it("is made of turned frames alike, whichever way a server hands them on", () => {
    for (const [width, height] of [
      ...[
        [1080, 1920],
        [720, 1280],
        [801, 1919],
        [1079, 1921],
        [480, 854],
        [1000, 1000],
        [2, 4000],
      ],
    ] as const) {
      const shown = { width, height };
      const made = prompt(name, "0.3.64", { ...turned, ...shown });
      const size = madeSize(made, shown);
      expect(madeSize(made, swap(shown))).toEqual(swap(size));
      expectSameShape(size, shown);
    }
  });
});
