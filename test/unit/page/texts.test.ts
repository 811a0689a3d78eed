import { describe, expect, it } from "vitest";
import { en } from "../../../src/page/texts/en.js";
import { duration, formatOf } from "../../../src/page/texts/format.js";
import { preferredLanguage, translator } from "../../../src/page/texts/texts.js";
import { zh } from "../../../src/page/texts/zh.js";

const placesOf = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe("the texts of the page", () => {
  it("are the same in both languages, with the same places for values", () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en)) {
      const translated = (zh as Readonly<Record<string, string>>)[key] ?? "";
      expect(translated, key).not.toBe("");
      expect(placesOf(translated), key).toEqual(placesOf(text));
    }
  });

  it("take values in", () => {
    expect(translator("en")("submit.go", { count: 3 })).toBe("Submit 3");
    expect(translator("zh")("submit.go", { count: 3 })).toBe("提交 3 个");
  });

  it.each([
    [["zh-TW", "en"], "zh"],
    [["de-DE", "en-US", "zh"], "en"],
    [["fr"], "en"],
    [[], "en"],
  ] as const)("are chosen by the browser's languages: %j", (languages, expected) => {
    expect(preferredLanguage(languages)).toBe(expected);
  });
});

describe("times and sizes", () => {
  it.each([
    [0.42, "0.4 s"],
    [12.4, "12 s"],
    [185, "3:05"],
    [3_750, "1:02:30"],
  ])("%d seconds are %s", (seconds, expected) => {
    expect(duration(seconds)).toBe(expected);
  });

  it("are said in the language", () => {
    expect(formatOf("en").bytes(13_421_773)).toBe("12.8 MB");
    expect(formatOf("en").relative(0, 300_000)).toBe("5 min ago");
    expect(formatOf("zh").relative(0, 300_000)).toBe("5分钟前");
  });
});
