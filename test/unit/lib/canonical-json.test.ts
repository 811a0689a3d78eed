import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../src/lib/canonical-json.js";

describe("canonicalJson", () => {
  test("writes whole numbers first and by value, then the other keys as text", () => {
    const value = { b: [{ z: 1, y: null }], a: "é", "10": 0, "9": 1e21 };
    expect(canonicalJson(value)).toBe('{"9":1e+21,"10":0,"a":"é","b":[{"y":null,"z":1}]}');
  });

  test("writes dates as JSON does, and leaves out what is undefined", () => {
    expect(canonicalJson({ at: new Date(0), none: undefined })).toBe(
      '{"at":"1970-01-01T00:00:00.000Z"}',
    );
  });

  test("depends on the content alone, not on the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(JSON.parse(text)))).toBe(text);
      }),
    );
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)]);
  return Object.fromEntries(entries.toReversed());
}
