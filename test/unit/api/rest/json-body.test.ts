import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonMediaType, parseJsonBody } from "../../../../src/api/rest/json-body.js";
import { describeJsonError } from "../../../../src/api/rest/json-error.js";

const parse = (text: string) => parseJsonBody(new TextEncoder().encode(text));

describe("parseJsonBody()", () => {
  it("reads JSON in UTF-8, with or without a byte order mark", () => {
    expect(parse('{"a":"ü"}')).toEqual({ a: "ü" });
    expect(parse('\ufeff{"a":1}')).toEqual({ a: 1 });
  });

  it("refuses what is not UTF-8", () => {
    expect(() => parseJsonBody(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
      "Cannot read the request body as JSON: it is not UTF-8",
    );
  });

  it.each(['{"__proto__":{}}', '{"a":[{"__proto__":1}]}', '{"\\u005f_proto__":1}'])(
    "refuses %s",
    (text) => {
      expect(() => parse(text)).toThrow('the key "__proto__" is not allowed');
    },
  );

  it("takes __proto__ as a value", () => {
    expect(parse('{"a":"__proto__"}')).toEqual({ a: "__proto__" });
  });

  it("refuses a key __proto__ in a text too deep to look through", () => {
    const text = `${"[".repeat(100_000)}"__proto__"${"]".repeat(100_000)}`;
    expect(() => parse(text)).toThrow("it is nested too deeply");
  });
});

describe("describeJsonError()", () => {
  it.each([
    ["", "unexpected end at line 1, column 1"],
    ["{", "unexpected end at line 1, column 2"],
    ['{"url": }', 'unexpected "}" at line 1, column 9'],
    ['{"url": "x",}', 'unexpected "}" at line 1, column 13'],
    ['{\n  "url": "x"\n  "type": "image"\n}', 'unexpected "\\"" at line 3, column 3'],
    ["{'a': 1}", `unexpected "'" at line 1, column 2`],
    ['{"a" 1}', 'unexpected "1" at line 1, column 6'],
    ["[1 2]", 'unexpected "2" at line 1, column 4'],
    ["[1}", 'unexpected "}" at line 1, column 3'],
    ["[,1]", 'unexpected "," at line 1, column 2'],
    ["{} {}", 'unexpected "{" at line 1, column 4'],
    ["nul", 'unexpected "n" at line 1, column 1'],
    ["01", 'unexpected "1" at line 1, column 2'],
    ['"abc', 'unexpected "\\"" at line 1, column 1'],
    ["url=x&type=image", 'unexpected "u" at line 1, column 1'],
    ["😀", 'unexpected "😀" at line 1, column 1'],
  ])("says where %j is wrong", (text, expected) => {
    expect(describeJsonError(text)).toBe(expected);
  });

  it("finds an error exactly where JSON.parse does", () => {
    const snippets = fc.array(
      fc.constantFrom(...'{}[]:,"\\ \n-0123.eE', '"a"', "true", "null", "\\u00e9", "fals"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          snippets.map((parts) => parts.join("")),
        ),
        (text) => {
          expect(describeJsonError(text) === undefined).toBe(isJson(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("isJsonMediaType()", () => {
  it.each([
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=latin1;x=y",
    "application/problem+json",
    "application/vnd.tmlsr.v1+json ; a=b",
  ])("takes %s", (mediaType) => {
    expect(isJsonMediaType(mediaType)).toBe(true);
  });

  it.each([
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=json",
    "application/jsonp",
    "application/json-seq",
    "application/+json",
    "application/xml; a=application/json",
  ])("refuses %j", (mediaType) => {
    expect(isJsonMediaType(mediaType)).toBe(false);
  });
});
