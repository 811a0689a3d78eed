import { expect, test } from "vitest";
import { newUploadKey, uploadKeyOf, uploadUrl } from "../../../../src/input/upload/upload-key.js";

test.each(["a.png", "照 片#1.png", "100%25.png", "a+b&c=d'(!)*.png"])(
  "the URL of %s leads back to its key, and is plain ASCII",
  (fileName) => {
    const key = newUploadKey(fileName);
    const url = uploadUrl(key);
    expect(url).toMatch(/^upload:\/\/[0-9a-f]{32}\/[\x21-\x7e]+$/);
    expect(uploadKeyOf(url)).toBe(key);
    expect(uploadKeyOf(new URL(url).href)).toBe(key);
  },
);

test("two uploads of one name have different keys", () => {
  expect(newUploadKey("a.png")).not.toBe(newUploadKey("a.png"));
});
