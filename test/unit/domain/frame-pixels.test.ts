import { expect, test } from "vitest";
import { framePixels } from "../../../src/domain/frame-pixels.js";

const size = { mediaType: "video/mp4", sizeBytes: 1, width: 64, height: 48 };

test.each([
  ["a picture", size, 64 * 48],
  ["a film", { ...size, durationSeconds: 2, fps: 24 }, 64 * 48 * 48],
  ["a film of less than a frame", { ...size, durationSeconds: 0.001, fps: 24 }, 64 * 48],
  ["a film whose rate is not known", { ...size, durationSeconds: 2 }, undefined],
])("framePixels() of %s", (_, input, expected) => {
  expect(framePixels(input)).toBe(expected);
});
