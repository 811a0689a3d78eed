import { expect, test } from "vitest";
import { withoutBadEscapes } from "../../../../src/api/rest/percent-encoding.js";

test.each([
  ["/tasks/a%2Fb%20?x=%zz", "/tasks/a%2Fb%20?x=%zz"],
  ["/tasks/%zz", "/tasks/%25zz"],
  ["/tasks/%C0%80:watch?cursor=1", "/tasks/%25C0%2580%3Awatch?cursor=1"],
  ["/%/a%20b/%E4%B8%AD", "/%25/a%20b/%E4%B8%AD"],
])("withoutBadEscapes() makes of %s %s", (url, expected) => {
  expect(withoutBadEscapes(url)).toBe(expected);
});
