import { type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createServiceImplSpec } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { createHttpBindings, type HttpBinding } from "../../../../src/api/rest/http-binding.js";
import { decodeRequest, type RequestParts } from "../../../../src/api/rest/request-decoder.js";
import { TaskError, type Violation } from "../../../../src/domain/errors.js";
import { type TestRpc, testService } from "./test-schema.js";

function binding(http: JsonObject, rpc: Partial<TestRpc> = {}): HttpBinding {
  const spec = createServiceImplSpec(testService([{ name: "Test", http, ...rpc }]), {});
  return createHttpBindings([spec])[0]!;
}

/** The request message in protobuf's own JSON, which leaves out what is unset. */
function decode(http: JsonObject, parts: Partial<RequestParts>, rpc?: Partial<TestRpc>): JsonValue {
  const bound = binding(http, rpc);
  const message = decodeRequest(bound, {
    captures: [],
    query: "",
    body: undefined,
    lastEventId: undefined,
    ...parts,
  });
  return toJson(bound.method.method.input, message, { useProtoFieldName: true });
}

const decodeBody = (body: JsonValue) => decode({ post: "/x", body: "*" }, { body });
const decodeQuery = (query: string) => decode({ get: "/x" }, { query });

function violationsOf(call: () => unknown): readonly Violation[] {
  try {
    call();
  } catch (error) {
    if (error instanceof TaskError && error.code === "INVALID_REQUEST") return error.violations;
    throw error;
  }
  throw new Error("Nothing was refused");
}

describe("decodeRequest() of a body", () => {
  it.each<[JsonObject, JsonObject]>([
    [{ a_string: "x" }, { a_string: "x" }],
    [{ aString: "x" }, { a_string: "x" }],
    [{ a_bool: true }, { a_bool: true }],
    [{ a_bytes: "AQI=" }, { a_bytes: "AQI=" }],
    [{ a_bytes: "-_8" }, { a_bytes: "+/8=" }],
    [{ a_double: 1.5 }, { a_double: 1.5 }],
    [{ a_double: "1e3" }, { a_double: 1000 }],
    [{ a_double: "NaN" }, { a_double: "NaN" }],
    [{ an_int32: -2 }, { an_int32: -2 }],
    [{ an_int32: "2" }, { an_int32: 2 }],
    [{ a_uint32: 4294967295 }, { a_uint32: 4294967295 }],
    [{ an_int64: 12345678901 }, { an_int64: "12345678901" }],
    [{ an_int64: "-9223372036854775808" }, { an_int64: "-9223372036854775808" }],
    [{ a_uint64: "18446744073709551615" }, { a_uint64: "18446744073709551615" }],
    [{ maybe_string: "" }, { maybe_string: "" }],
    [{ nested: { nested: { an_int32: "7" } } }, { nested: { nested: { an_int32: 7 } } }],
    [{ strings: ["a", ""] }, { strings: ["a", ""] }],
    [{ children: [{ color: "red" }, {}] }, { children: [{ color: "COLOR_RED" }, {}] }],
    [{ counts: { a: "1" } }, { counts: { a: 1 } }],
    [
      { by_name: { color: { color: "red", unknown: 1 } } },
      { by_name: { color: { color: "COLOR_RED" } } },
    ],
    [{ left: "x" }, { left: "x" }],
    [{ at: "2026-01-02T03:04:05.678+01:00" }, { at: "2026-01-02T02:04:05.678Z" }],
    [{ took: "1.5s" }, { took: "1.500s" }],
    [{ mask: "a,bC" }, { mask: "a,bC" }],
    [
      { wrapped_bool: false, wrapped_int64: 5 },
      { wrapped_bool: false, wrapped_int64: "5" },
    ],
    [{ values: [null, 1] }, { values: [null, 1] }],
  ])("reads %j", (body, expected) => {
    expect(decodeBody(body)).toEqual(expected);
  });

  it.each([
    "dark_green",
    "DARK_GREEN",
    "COLOR_DARK_GREEN",
    "color_dark_green",
    "Dark_Green",
    2,
    "2",
  ])("reads the enum value %j", (color) => {
    const expected = "COLOR_DARK_GREEN";
    expect(decodeBody({ color, colors: [color] })).toEqual({
      color: expected,
      colors: [expected],
    });
  });

  it("keeps Struct and Value as they are", () => {
    const anything = { color: "red", n: null, deep: [{ a_string: null, status: "DARK_GREEN" }] };
    const body = { struct: anything, value: anything, list_value: [anything, null] };
    expect(decodeBody(body)).toEqual(body);
  });

  it.each<JsonValue>([{}, null, { no_such_field: 1, "[test.ext]": 2, nested: { nope: {} } }])(
    "finds nothing in %j",
    (body) => {
      const expected = body !== null && "nested" in (body as JsonObject) ? { nested: {} } : {};
      expect(decodeBody(body)).toEqual(expected);
    },
  );

  it("takes null for left out, at any depth", () => {
    const nulls = {
      a_string: null,
      color: null,
      maybe_string: null,
      strings: null,
      counts: null,
      struct: null,
      value: null,
      at: null,
    };
    expect(decodeBody({ ...nulls, nested: nulls })).toEqual({ nested: {} });
  });

  it.each<[JsonObject, string, string]>([
    [{ a_string: 5 }, "a_string", "must be a string"],
    [{ a_string: "\ud800" }, "a_string", "must be valid Unicode"],
    [{ a_bool: "true" }, "a_bool", "must be true or false"],
    [{ a_bytes: "?" }, "a_bytes", "must be a string in base64"],
    [{ a_double: "x" }, "a_double", "must be a number"],
    [{ a_float: [] }, "a_float", "must be a number"],
    [{ an_int32: 1.5 }, "an_int32", "must be a whole number from -2147483648 to 2147483647"],
    [{ an_int32: "" }, "an_int32", "must be a whole number from -2147483648 to 2147483647"],
    [{ a_uint32: -1 }, "a_uint32", "must be a whole number from 0 to 4294967295"],
    [
      { an_int64: "x" },
      "an_int64",
      "must be a whole number from -9223372036854775808 to 9223372036854775807",
    ],
    [{ a_uint64: -1 }, "a_uint64", "must be a whole number from 0 to 18446744073709551615"],
    [{ color: "blue" }, "color", "must be one of red, dark_green"],
    [{ color: 1.5 }, "color", "must be one of red, dark_green"],
    [{ colors: ["red", "blue"] }, "colors[1]", "must be one of red, dark_green"],
    [{ nested: "x" }, "nested", "must be an object"],
    [{ nested: { nested: [] } }, "nested.nested", "must be an object"],
    [{ strings: "x" }, "strings", "must be a list"],
    [{ strings: ["x", null] }, "strings[1]", "must be a string"],
    [{ children: [{}, { strings: [1] }] }, "children[1].strings[0]", "must be a string"],
    [{ counts: [] }, "counts", "must be an object"],
    [
      { counts: { a: 1, b: "x" } },
      'counts["b"]',
      "must be a whole number from -2147483648 to 2147483647",
    ],
    [{ by_name: { a: { a_bool: 1 } } }, 'by_name["a"].a_bool', "must be true or false"],
    [{ at: "yesterday" }, "at", "must be a time as in 2026-01-02T14:14:34Z"],
    [{ at: "2026-13-02T14:14:34Z" }, "at", "must be a time as in 2026-01-02T14:14:34Z"],
    [{ took: "1m" }, "took", 'must be seconds as in "1.5s"'],
    [{ struct: [] }, "struct", "must be an object, nested at most 100 deep"],
    [{ list_value: {} }, "list_value", "must be a list, nested at most 100 deep"],
    [{ wrapped_bool: 1 }, "wrapped_bool", "must be true or false"],
    [{ left: "x", right: 1 }, "right", "is given beside another of left, right"],
    [{ a_string: "x", aString: "y" }, "a_string", "is given under both of its names"],
  ])("refuses %j", (body, field, problem) => {
    expect(violationsOf(() => decodeBody(body))).toEqual([
      { field, message: `${field} ${problem}` },
    ]);
  });

  it("names all that is wrong at once, without types", () => {
    const body = { a_string: 1, nested: { color: "blue" }, strings: [2, 3], an_int32: 4 };
    expect(violationsOf(() => decodeBody(body)).map(({ field }) => field)).toEqual([
      "a_string",
      "nested.color",
      "strings[0]",
      "strings[1]",
    ]);
    expect(() => decodeBody(body)).toThrow(/^Cannot accept the request: a_string must be a string/);
    expect(() => decodeBody(body)).not.toThrow(/test\.|Everything/);
  });

  it("refuses a Struct that is nested too deep", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`) as JsonObject;
    expect(violationsOf(() => decodeBody({ struct: deep }))).toHaveLength(1);
  });

  it.each([["x"], [[]], [1]])("refuses %j as a whole", (body) => {
    expect(() => decodeBody(body)).toThrow("it must be a JSON object");
  });
});

describe("decodeRequest() of a query", () => {
  it.each<[string, JsonObject]>([
    ["a_string=x+y%20z&aBool=true", { a_string: "x y z", a_bool: true }],
    ["a_string=", {}],
    ["maybe_string=", { maybe_string: "" }],
    ["a_double=1.5&an_int32=2&an_int64=3", { a_double: 1.5, an_int32: 2, an_int64: "3" }],
    ["color=DARK_green", { color: "COLOR_DARK_GREEN" }],
    ["colors=red&colors=2", { colors: ["COLOR_RED", "COLOR_DARK_GREEN"] }],
    ["strings=a&strings=b,c", { strings: ["a", "b,c"] }],
    ["bools=true&bools=false", { bools: [true, false] }],
    [
      "nested.nested.a_string=x&nested.color=red",
      {
        nested: { nested: { a_string: "x" }, color: "COLOR_RED" },
      },
    ],
    [
      "at=2026-01-02T03:04:05Z&took=2s&mask=a",
      {
        at: "2026-01-02T03:04:05Z",
        took: "2s",
        mask: "a",
      },
    ],
    ["wrapped_bool=true&wrapped_string=s", { wrapped_bool: true, wrapped_string: "s" }],
    ["_=123&a_string=x&nope.deep=1&strings.x=1&a_string.b=2", { a_string: "x" }],
    ["", {}],
  ])("reads %s", (query, expected) => {
    expect(decodeQuery(query)).toEqual(expected);
  });

  it.each([
    ["a_string=a&a_string=b", "a_string", "is given more than once"],
    ["a_bool=1", "a_bool", "must be true or false"],
    ["an_int32=x", "an_int32", "must be a whole number from -2147483648 to 2147483647"],
    ["nested.color=blue", "nested.color", "must be one of red, dark_green"],
    ["nested=x", "nested", "cannot be given as a parameter"],
    ["children=x", "children", "cannot be given as a parameter"],
    ["counts=x", "counts", "cannot be given as a parameter"],
    ["struct=x", "struct", "cannot be given as a parameter"],
    ["left=a&right=1", "right", "is given beside another of left, right"],
  ])("refuses %s", (query, field, problem) => {
    expect(violationsOf(() => decodeQuery(query))).toEqual([
      { field, message: `${field} ${problem}` },
    ]);
  });

  it("names all that is wrong at once", () => {
    const violations = violationsOf(() => decodeQuery("a_bool=1&a_string=a&a_string=b&color=x"));
    expect(violations.map(({ field }) => field)).toEqual(["a_string", "a_bool", "color"]);
  });
});

describe("decodeRequest() where path, body and query meet", () => {
  it("lets the path go before the body, under either name", () => {
    const http = { post: "/x/{a_string}/{nested.a_string}", body: "*" };
    const body = { aString: "body", nested: { a_string: "body", color: "red" } };
    expect(decode(http, { body, captures: ["p", "q"] })).toEqual({
      a_string: "p",
      nested: { a_string: "q", color: "COLOR_RED" },
    });
  });

  it("lets the path go before the query", () => {
    const parts = { query: "a_string=q&a_string=r&color=red", captures: ["p"] };
    expect(decode({ get: "/x/{a_string}" }, parts)).toEqual({ a_string: "p", color: "COLOR_RED" });
  });

  it("ignores the query where the body is the whole message", () => {
    const parts = { query: "a_string=q&a_bool=nonsense", body: { an_int32: 1 } };
    expect(decode({ post: "/x", body: "*" }, parts)).toEqual({ an_int32: 1 });
  });

  it("puts the body into one field and the rest into the query", () => {
    const parts = { query: "a_string=q&nested.a_string=r", body: { color: "red" } };
    expect(decode({ post: "/x", body: "nested" }, parts)).toEqual({
      a_string: "q",
      nested: { color: "COLOR_RED" },
    });
  });

  it.each<[string, JsonValue, JsonValue]>([
    ["strings", ["a"], { strings: ["a"] }],
    ["a_string", "a", { a_string: "a" }],
    ["value", { color: "red" }, { value: { color: "red" } }],
    ["nested", null, {}],
  ])("takes a body for the field %s", (body, json, expected) => {
    expect(decode({ post: "/x", body }, { body: json })).toEqual(expected);
  });

  it("reads numbers and enums of the path, and refuses what is none", () => {
    const http = { get: "/x/{an_int32}/{color}" };
    expect(decode(http, { captures: ["5", "red"] })).toEqual({ an_int32: 5, color: "COLOR_RED" });
    expect(violationsOf(() => decode(http, { captures: ["x", "red"] }))).toHaveLength(1);
  });
});

describe("decodeRequest() of Last-Event-ID", () => {
  const streaming = { serverStreaming: true };

  it("fills the cursor of a stream", () => {
    expect(decode({ get: "/x" }, { lastEventId: "7" }, streaming)).toEqual({ cursor: "7" });
  });

  it("gives way to the query", () => {
    const parts = { lastEventId: "7", query: "cursor=9" };
    expect(decode({ get: "/x" }, parts, streaming)).toEqual({ cursor: "9" });
  });

  it("means nothing to a method that does not stream", () => {
    expect(decode({ get: "/x" }, { lastEventId: "7" })).toEqual({});
  });
});

describe("createHttpBindings()", () => {
  it("reads additional bindings and custom methods, and leaves out methods without a rule", () => {
    const service = testService([
      { name: "A", http: { get: "/a", additionalBindings: [{ post: "/b", body: "*" }] } },
      { name: "B", http: { custom: { kind: "purge", path: "/c" } } },
      { name: "C" },
    ]);
    const bindings = createHttpBindings([createServiceImplSpec(service, {})]);
    expect(bindings.map((each) => [each.httpMethod, each.template.segments, each.body])).toEqual([
      ["GET", ["a"], "none"],
      ["POST", ["b"], "message"],
      ["PURGE", ["c"], "none"],
    ]);
  });

  it.each<[JsonObject, Partial<TestRpc>, string]>([
    [{ get: "/x/{nope}" }, {}, '"nope" is no field of test.Everything'],
    [{ get: "/x/{a_string.b}" }, {}, '"a_string.b" is no field of test.Everything'],
    [{ get: "/x/{strings}" }, {}, 'variable "strings" is no single value'],
    [{ get: "/x/{nested}" }, {}, 'variable "nested" is no single value'],
    [{ post: "/x", body: "nope" }, {}, '"nope" is no field of test.Everything'],
    [{ get: "/x", responseBody: "nope" }, {}, '"nope" is no field of test.Everything'],
    [{}, {}, "its http rule has no pattern"],
    [{ get: "/x" }, { clientStreaming: true }, "a stream of requests has no REST form"],
  ])("refuses the rule %j", (http, rpc, problem) => {
    expect(() => binding(http, rpc)).toThrow(`Cannot serve test.Tests.Test over REST: ${problem}`);
  });
});
