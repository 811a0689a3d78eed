import { describe, expect, it } from "vitest";
import { TaskError } from "../../../src/domain/errors.js";
import { downloadError, translateDownloadError } from "../../../src/input/download-error.js";

const PAGE = "https://user:secret@example.com/a/photo.png?token=secret#secret";

describe("translateDownloadError()", () => {
  it.each([
    ["ENOTFOUND", "INPUT_UNREACHABLE", "passing"],
    ["EAI_AGAIN", "INPUT_UNREACHABLE", "passing"],
    ["ECONNREFUSED", "INPUT_UNREACHABLE", "passing"],
    ["EHOSTUNREACH", "INPUT_UNREACHABLE", "passing"],
    ["ECONNRESET", "INPUT_UNREACHABLE", "passing"],
    ["HPE_INVALID_CONSTANT", "INPUT_UNREACHABLE", "passing"],
    ["ETIMEDOUT", "INPUT_TIMEOUT", "passing"],
    ["UND_ERR_CONNECT_TIMEOUT", "INPUT_TIMEOUT", "passing"],
    ["CERT_HAS_EXPIRED", "INPUT_REFUSED", "task"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "INPUT_REFUSED", "task"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "INPUT_REFUSED", "task"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "INPUT_REFUSED", "task"],
    ["EPROTO", "INPUT_REFUSED", "task"],
    ["UND_ERR_HEADERS_OVERFLOW", "INPUT_REFUSED", "task"],
    ["UND_ERR_NOT_SUPPORTED", "INPUT_UNREACHABLE", "passing"],
    ["ERR_ASSERTION", "INPUT_UNREACHABLE", "passing"],
    ["ENOSPC", "DISK_FULL", "passing"],
    ["EDQUOT", "DISK_FULL", "passing"],
  ])("takes %s for %s", (code, taskCode, family) => {
    const cause = Object.assign(new Error("in detail"), { code });
    const error = translateDownloadError(cause, PAGE);
    expect(error).toMatchObject({ code: taskCode, family, cause });
    expect(String(error)).toContain(`(${code})`);
  });

  it("leaves alone what is translated already, and what no download is expected to meet", () => {
    for (const thrown of [
      new TaskError("INPUT_REFUSED", "Cannot"),
      new TypeError("a bug"),
      Object.assign(new Error("no such directory"), { code: "ENOENT" }),
      "text",
    ])
      expect(translateDownloadError(thrown, PAGE)).toBe(thrown);
  });
});

describe("downloadError()", () => {
  it("shows of a URL what is no secret", () => {
    expect(downloadError("INPUT_REFUSED", PAGE, "server answered 403").message).toBe(
      'Cannot download input "https://example.com/a/photo.png": server answered 403',
    );
    const long = downloadError("INPUT_REFUSED", `https://example.com/${"a".repeat(5_000)}`, "no");
    expect(long.message.length).toBeLessThan(300);
    expect(downloadError("INPUT_REFUSED", "secret", "no").message).not.toMatch("secret");
  });
});
