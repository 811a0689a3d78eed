import { expect, test } from "vitest";
import { TaskError } from "../../../src/domain/errors.js";
import { RepeatedEnds } from "../../../src/input/repeated-ends.js";

const MEBIBYTE = 1024 * 1024;

/** Which of some tries, by the bytes that were on disk after them, is the final one. */
function finalTry(sizes: readonly number[]): number {
  const ends = new RepeatedEnds();
  const errors = sizes.map((size) => ends.judge(new TaskError("INPUT_TRUNCATED", "cut"), size));
  return errors.findIndex((error) => error instanceof TaskError && error.isFinal);
}

test.each([
  ["an origin ends at the same byte", [500, 500, 500], 2],
  ["the last bytes before the cut are lost at times", [9_000, 0, 9_000], 2],
  ["each try brings more", [500, 900, 1_500, 9_000, 12_000], -1],
  ["each try brings more for a while", [500, 900, 900, 900], 3],
  ["nothing ever arrives", [0, 0, 0, 0], -1],
  ["cuts are all over a large file", [90, 20, 60, 30, 50].map((mib) => mib * MEBIBYTE), -1],
])("it is final that a file is cut: %s", (_what, sizes, index) => {
  expect(finalTry(sizes)).toBe(index);
});

test("other errors stay as they are", () => {
  const ends = new RepeatedEnds();
  for (const error of [new TaskError("INPUT_UNREACHABLE", "no"), new Error("a bug")])
    for (let count = 0; count < 5; count += 1) expect(ends.judge(error, 500)).toBe(error);
});
