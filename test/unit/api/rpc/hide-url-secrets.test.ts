import { describe, expect, test } from "vitest";
import { hideSecretsOfUrls, hideUrlSecrets } from "../../../../src/api/rpc/hide-url-secrets.js";

describe("hideUrlSecrets()", () => {
  test.each([
    ["https://a.test/in.png", "https://a.test/in.png"],
    ["https://a.test/in.png?sig=1&x=a b", "https://a.test/in.png?***"],
    ["https://a.test/in.png#sig=1", "https://a.test/in.png"],
    ["https://user:pass@a.test/in@2x.png", "https://a.test/in@2x.png"],
    ["HTTPS://u:p@w@a.test?q", "HTTPS://a.test?***"],
    ["http:\\\\user:pass@a.test\\in", "http:\\\\a.test\\in"],
    ["https:user:pass@a.test/in", "https:a.test/in"],
    ["upload://0123456789abcdef0123456789abcdef/in.png", "upload://***/in.png"],
  ])("shows %s as %s", (url, shown) => {
    expect(hideUrlSecrets(url)).toBe(shown);
  });
});

describe("hideSecretsOfUrls()", () => {
  test("leaves the rest of a text alone", () => {
    const text = 'Cannot download input "https://a.test/x?sig=a b": server answered 403?';
    expect(hideSecretsOfUrls(text)).toBe(
      'Cannot download input "https://a.test/x?***": server answered 403?',
    );
  });

  test("hides the ids of uploads", () => {
    const text = 'Cannot download input "upload://0123456789abcdef0123456789abcdef/a.png": gone';
    expect(hideSecretsOfUrls(text)).toBe('Cannot download input "upload://***/a.png": gone');
  });

  test("finds every URL", () => {
    expect(hideSecretsOfUrls("http://u:p@a.test/x, then https://b.test/?k=1 failed")).toBe(
      "http://a.test/x, then https://b.test/?*** failed",
    );
  });
});
