import { describe, expect, test } from "vitest";
import { resolveOssAddress } from "../../../../src/storage/oss/address.js";
import type { OssOptions } from "../../../../src/storage/oss/options.js";

const resolve = (options: Partial<OssOptions> & { endpoint: string }) =>
  resolveOssAddress({ bucket: "b", internal: false, cname: false, ...options });

describe("resolveOssAddress()", () => {
  test("takes region, https and the public URL from a regional endpoint", () => {
    expect(resolve({ endpoint: "oss-cn-hangzhou.aliyuncs.com" })).toEqual({
      endpoint: "https://oss-cn-hangzhou.aliyuncs.com",
      style: "host",
      bucket: "b",
      region: "cn-hangzhou",
      publicBaseUrl: "https://b.oss-cn-hangzhou.aliyuncs.com",
    });
  });

  test.each([
    ["oss-us-west-1.aliyuncs.com", "us-west-1"],
    ["oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"],
    ["http://oss-ap-southeast-1.aliyuncs.com", "ap-southeast-1"],
  ])("finds the region of %s", (endpoint, region) => {
    expect(resolve({ endpoint })).toMatchObject({ region });
  });

  test.each(["oss-cn-beijing", "cn-beijing"])(
    "takes the given region %s over the endpoint's",
    (region) => {
      expect(resolve({ endpoint: "oss-accelerate.aliyuncs.com", region })).toMatchObject({
        region: "cn-beijing",
        publicBaseUrl: "https://b.oss-accelerate.aliyuncs.com",
      });
    },
  );

  test("calls the internal endpoint and shows the public one", () => {
    const fromPublic = resolve({ endpoint: "oss-cn-hangzhou.aliyuncs.com", internal: true });
    const fromInternal = resolve({ endpoint: "oss-cn-hangzhou-internal.aliyuncs.com" });
    expect(fromPublic).toEqual(fromInternal);
    expect(fromPublic).toMatchObject({
      endpoint: "https://oss-cn-hangzhou-internal.aliyuncs.com",
      publicBaseUrl: "https://b.oss-cn-hangzhou.aliyuncs.com",
    });
  });

  test.each([
    ["http://10.0.0.5:9000", "http://10.0.0.5:9000"],
    ["10.0.0.5", "https://10.0.0.5"],
    ["http://[::1]:9000/", "http://[::1]:9000"],
    ["http://oss:9000", "http://oss:9000"],
  ])("calls %s in path style", (endpoint, origin) => {
    expect(resolve({ endpoint, region: "r" })).toMatchObject({
      endpoint: origin,
      style: "path",
      publicBaseUrl: `${origin}/b`,
    });
  });

  test("a custom domain is the bucket's own", () => {
    expect(
      resolve({ endpoint: "files.example.com", cname: true, region: "cn-hangzhou" }),
    ).toMatchObject({
      endpoint: "https://files.example.com",
      style: "cname",
      publicBaseUrl: "https://files.example.com",
    });
  });

  test("publicBaseUrl wins", () => {
    const publicBaseUrl = "https://cdn.example.com/x";
    expect(resolve({ endpoint: "oss-cn-hangzhou.aliyuncs.com", publicBaseUrl })).toMatchObject({
      publicBaseUrl,
    });
  });

  test.each<[string, Partial<OssOptions> & { endpoint: string }, RegExp]>([
    [
      "no region",
      { endpoint: "oss.example.com" },
      /"oss\.example\.com": its name tells no region, set OSS_REGION/,
    ],
    [
      "an accelerated endpoint without region",
      { endpoint: "oss-accelerate.aliyuncs.com" },
      /set OSS_REGION/,
    ],
    ["an IP address without region", { endpoint: "http://10.0.0.5" }, /set OSS_REGION/],
    ["another scheme", { endpoint: "ftp://oss-cn-hangzhou.aliyuncs.com" }, /must be a host name/],
    ["a path", { endpoint: "https://oss-cn-hangzhou.aliyuncs.com/bucket" }, /must be a host name/],
    ["nonsense", { endpoint: "https://a b" }, /must be a host name/],
    [
      "credentials",
      { endpoint: "https://key:secret@oss-cn-hangzhou.aliyuncs.com" },
      /^(?!.*secret).*must be a host name/,
    ],
    [
      "internal without a regional endpoint",
      { endpoint: "files.example.com", region: "r", internal: true },
      /unset OSS_INTERNAL/,
    ],
  ])("refuses %s, naming what to set", (_, options, message) => {
    expect(() => resolve(options)).toThrow(
      expect.objectContaining({ code: "STORAGE_REFUSED", message: expect.stringMatching(message) }),
    );
  });
});
