import { describe, expect, it } from "vitest";
import { parsePathTemplate } from "../../../../src/api/rest/path-template.js";

const variable = (fieldPath: string, start: number, end: number) => ({ fieldPath, start, end });

describe("parsePathTemplate()", () => {
  it.each([
    ["/tasks", ["tasks"], "", []],
    ["/tasks:watch", ["tasks"], "watch", []],
    ["/v1/messages/{name}", ["v1", "messages", "*"], "", [variable("name", 2, 3)]],
    ["/{a.b_c.d1}", ["*"], "", [variable("a.b_c.d1", 0, 1)]],
    ["/{name=shelves/*}", ["shelves", "*"], "", [variable("name", 0, 2)]],
    [
      "/{name=shelves/*/books/*}:move",
      ["shelves", "*", "books", "*"],
      "move",
      [variable("name", 0, 4)],
    ],
    ["/files/{path=**}", ["files", "**"], "", [variable("path", 1, -1)]],
    ["/files/{path=a/**}:get", ["files", "a", "**"], "get", [variable("path", 1, -1)]],
    ["/{a=x/{b=y/*}}", ["x", "y", "*"], "", [variable("b", 1, 3), variable("a", 0, 3)]],
    ["/*/**", ["*", "**"], "", []],
    ["/a%20b/c%2fd", ["a%20b", "c%2Fd"], "", []],
    ["/%61", ["a"], "", []],
    ["/%c3%a9", ["%C3%A9"], "", []],
    ["/a-._~!$&'()+,;@", ["a-._~%21%24%26%27%28%29%2B%2C%3B%40"], "", []],
  ])("parses %s", (template, segments, verb, variables) => {
    expect(parsePathTemplate(template)).toEqual({ segments, verb, variables });
  });

  it.each([
    ["", 'expected "/" at column 1'],
    ["tasks", 'expected "/" at column 1'],
    ["/", "expected a path segment at column 2"],
    ["//a", "expected a path segment at column 2"],
    ["/a/", "expected a path segment at column 4"],
    ["/a:", "expected a path segment at column 4"],
    ["/a:b/c", "unexpected character at column 5"],
    ["/**/a", '"**" must be the last segment at column 5'],
    ["/{a=**}/b", '"**" must be the last segment at column 9'],
    ["/{a=**/b}", '"**" must be the last segment at column 8'],
    ["/{a}/{a}", 'variable "a" appears twice at column 8'],
    ["/{a", 'expected "}" at column 4'],
    ["/{}", "expected a field path at column 3"],
    ["/{1a}", "expected a field path at column 3"],
    ["/{a.}", 'expected "}" at column 4'],
    ["/{a=}", "expected a path segment at column 5"],
    ["/{a}b", "unexpected character at column 5"],
    ["/a}", "unexpected character at column 3"],
    ["/a b", "unexpected character at column 3"],
    ["/a%zz", 'bad escape in "a%zz" at column 6'],
    ["/a*", "unexpected character at column 3"],
  ])("refuses %j", (template, problem) => {
    expect(() => parsePathTemplate(template)).toThrow(
      `Cannot parse path template "${template}": ${problem}`,
    );
  });
});
