import { describe, expect, it } from "vitest";
import { castValue } from "../../../src/cpu-server/prompts/cast-value.js";

describe("castValue()", () => {
  it.each([
    ["INT", "40", 40],
    ["INT", " -3 ", -3],
    ["INT", 40.9, 40],
    ["INT", -1.5, -1],
    ["INT", true, 1],
    ["FLOAT", "1e3", 1000],
    ["FLOAT", false, 0],
    ["STRING", null, "None"],
    ["STRING", [1, "a"], "[1, 'a']"],
    ["BOOLEAN", "false", true],
    ["BOOLEAN", "", false],
    ["BOOLEAN", {}, false],
    ["IMAGE", { any: 1 }, { any: 1 }],
  ])("makes %s of %j as Python does: %j", (type, value, cast) => {
    expect(castValue(type, value)).toEqual(cast);
  });

  it.each([
    ["INT", "40.5", "ValueError", "invalid literal for int() with base 10: '40.5'"],
    ["FLOAT", "wide", "ValueError", "could not convert string to float: 'wide'"],
    ["INT", null, "TypeError", "int() argument must be a string or a real number, not 'NoneType'"],
    ["FLOAT", {}, "TypeError", "float() argument must be a string or a real number, not 'dict'"],
  ])("refuses to make %s of %j", (type, value, exceptionType, message) => {
    expect(() => castValue(type, value)).toThrow(
      expect.objectContaining({ exceptionType, message }),
    );
  });
});
