import { expect, test } from "vitest";
import { Silences } from "../../../../src/comfy/prompt/silences.js";

test("Silences keeps the longest silence of each node, counted from the event that began it", () => {
  const silences = new Silences();
  silences.note(undefined, true, 1_000);
  silences.note("1", false, 1_010);
  silences.note("3", false, 1_040);
  expect(silences.nodeId).toBe("3");
  silences.note("3", false, 9_040);
  silences.note("3", false, 9_140);
  silences.note(undefined, false, 9_200);
  silences.note(undefined, false, 9_207);
  const expected = new Map([
    ["", 10],
    ["1", 30],
    ["3", 8_000],
  ]);
  expect(silences.longestMs()).toEqual(expected);
  expect(silences.nodeId).toBe("");
});

test("Silences tells nothing of a prompt that was heard from its middle on", () => {
  const silences = new Silences();
  silences.note("3", false, 1_000);
  silences.note(undefined, false, 9_000);
  expect(silences.longestMs()).toBeUndefined();
});

test.each([
  [1_000, true],
  [1_001, false],
])("Silences of a run of 10 s of which %i ms were not heard: told is %s", (unheardMs, isTold) => {
  const silences = new Silences();
  silences.note(undefined, true, 0);
  silences.noteUnheard(unheardMs);
  silences.note(undefined, false, 10_000);
  expect(silences.longestMs() !== undefined).toBe(isTold);
});
