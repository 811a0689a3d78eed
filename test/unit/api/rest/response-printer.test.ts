import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { printResponse, printTimestamp } from "../../../../src/api/rest/response-printer.js";
import { everything } from "./test-schema.js";

function print(protoJson: JsonObject, only?: string): JsonValue {
  const schema = everything();
  const field = schema.fields.find(({ name }) => name === only);
  return JSON.parse(printResponse(schema, fromJson(schema, protoJson), field)) as JsonValue;
}

describe("printResponse()", () => {
  it("prints every field of an empty message", () => {
    expect(print({})).toEqual({
      a_string: "",
      a_bool: false,
      a_bytes: "",
      a_double: 0,
      a_float: 0,
      an_int32: 0,
      a_uint32: 0,
      an_int64: 0,
      a_uint64: 0,
      color: null,
      maybe_string: null,
      maybe_int64: null,
      maybe_color: null,
      nested: null,
      strings: [],
      colors: [],
      children: [],
      counts: {},
      by_name: {},
      left: null,
      right: null,
      at: null,
      took: null,
      mask: null,
      struct: null,
      value: null,
      list_value: null,
      wrapped_bool: null,
      wrapped_int64: null,
      wrapped_string: null,
      values: [],
      cursor: "",
      bools: [],
    });
  });

  it.each<[string, JsonValue, JsonValue]>([
    ["a_string", "ü\u0000", "ü\u0000"],
    ["a_bytes", "AQI=", "AQI="],
    ["a_double", 13.38, 13.38],
    ["a_double", "NaN", "NaN"],
    ["a_double", "-Infinity", "-Infinity"],
    ["an_int64", "12345678901", 12345678901],
    ["a_uint64", "9007199254740991", 9007199254740991],
    ["maybe_string", "", ""],
    ["maybe_int64", "0", 0],
    ["color", "COLOR_DARK_GREEN", "dark_green"],
    ["color", 7, 7],
    ["maybe_color", "COLOR_UNSPECIFIED", null],
    ["colors", ["COLOR_RED", "COLOR_UNSPECIFIED"], ["red", null]],
    ["counts", { color: 1, __proto__x: 2 }, { color: 1, __proto__x: 2 }],
    ["left", "", ""],
    ["took", "1.5s", "1.500s"],
    ["mask", "a,bC", "a,bC"],
    ["wrapped_bool", false, false],
    ["wrapped_int64", "5", 5],
    ["values", [null, "COLOR_RED", { color: null }], [null, "COLOR_RED", { color: null }]],
    ["list_value", [null, []], [null, []]],
  ])("prints %s %j as %j", (field, protoJson, expected) => {
    expect(print({ [field]: protoJson }, field)).toEqual(expected);
  });

  it("prints Struct and Value as they are", () => {
    const anything = { color: "COLOR_RED", n: null, at: "2026-01-02T03:04:05Z", list: [{}, []] };
    expect(print({ struct: anything }, "struct")).toEqual(anything);
    expect(print({ value: anything }, "value")).toEqual(anything);
    expect(print({ value: "" }, "value")).toBe("");
  });

  it("prints a Value that holds nothing as null", () => {
    const schema = everything();
    const message = reflect(schema);
    const field = schema.fields.find(({ name }) => name === "value")!;
    message.set(field, reflect(ValueSchema));
    expect(printResponse(schema, message.message, field)).toBe("null");
  });

  it("prints messages inside messages, lists and maps by the same rules", () => {
    const inner = { color: "COLOR_RED", at: "2026-01-02T03:04:05Z" };
    const expected = { color: "red", at: "2026-01-02T03:04:05.000000Z", maybe_string: null };
    expect(print({ nested: inner }, "nested")).toMatchObject(expected);
    expect(print({ children: [inner] }, "children")).toMatchObject([expected]);
    expect(print({ byName: { a: inner } }, "by_name")).toMatchObject({ a: expected });
  });
});

describe("printTimestamp()", () => {
  it.each([
    [1767363274n, 789_595_000, "2026-01-02T14:14:34.789595Z"],
    [1767363274n, 789_000_000, "2026-01-02T14:14:34.789000Z"],
    [1767363274n, 0, "2026-01-02T14:14:34.000000Z"],
    [1767363274n, 999_999_999, "2026-01-02T14:14:34.999999Z"],
    [0n, 1_000, "1970-01-01T00:00:00.000001Z"],
    [-1n, 500_000_000, "1969-12-31T23:59:59.500000Z"],
  ])("prints %d s and %d ns as %s", (seconds, nanos, expected) => {
    expect(printTimestamp({ seconds, nanos })).toBe(expected);
  });
});
