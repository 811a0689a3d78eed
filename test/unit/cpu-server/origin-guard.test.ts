import { describe, expect, it } from "vitest";
import { isForeignOrigin } from "../../../src/cpu-server/http/origin-guard.js";

describe("isForeignOrigin()", () => {
  it.each([
    ["127.0.0.1:8188", undefined, false],
    ["127.0.0.1:8188", "http://127.0.0.1:8188", false],
    ["127.0.0.1:8188", "http://evil.example", true],
    ["127.0.0.1:8188", "http://127.0.0.1:9999", true],
    ["127.0.0.1:8188", "http://localhost:8188", true],
    ["127.0.0.1:8188", "http://127.0.0.1", false],
    ["[::1]:8188", "http://[::1]:8188", false],
    ["[::1]:8188", "http://evil.example", true],
    ["localhost", "http://localhost:8188", false],
    ["gpu1.example.com", "http://evil.example", false],
    ["10.0.0.5:8188", "http://evil.example", false],
    ["127.0.0.1:8188", "null", false],
  ])("Host %s with Origin %s: %s", (host, origin, isForeign) => {
    expect(isForeignOrigin(host, origin)).toBe(isForeign);
  });
});
