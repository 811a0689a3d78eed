import { expect, test } from "vitest";
import { parseAddress } from "../../../src/client/address.js";

test.each([
  ["localhost:6008", "http://localhost:6008", "localhost:6008", false],
  ["http://localhost:6008/", "http://localhost:6008", "localhost:6008", false],
  ["[::1]:6008", "http://[::1]:6008", "[::1]:6008", false],
  ["http://gateway.test", "http://gateway.test", "gateway.test:80", false],
  ["https://gateway.test", "https://gateway.test", "gateway.test:443", true],
])("parseAddress() reads %s", (address, baseUrl, hostAndPort, isSecure) => {
  expect(parseAddress(address)).toEqual({ baseUrl, hostAndPort, isSecure });
});

test.each(["", "http://", "http://host/path", "ftp://host", "a b"])(
  "parseAddress() refuses %j",
  (address) => {
    expect(() => parseAddress(address)).toThrow(`Cannot read address "${address}"`);
  },
);
