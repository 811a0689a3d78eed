import { expect, test } from "vitest";
import { sendable } from "../../../../src/comfy/prompt/submit-prompt.js";

test("sendable() gives every node its inputs, without which a server's worker dies", () => {
  const prompt = { "1": { class_type: "A" } } as never;
  expect(sendable(prompt)).toEqual({ "1": { class_type: "A", inputs: {} } });
});

test("sendable() takes out what a picture's graph says of its cache", () => {
  const node = { class_type: "LoadImage", inputs: { image: "a.png" }, is_changed: ["hash"] };
  const prompt = { "1": { ...node, _meta: { title: "In" } } };
  expect(sendable(prompt)).toEqual({
    "1": { class_type: "LoadImage", inputs: { image: "a.png" }, _meta: { title: "In" } },
  });
});
