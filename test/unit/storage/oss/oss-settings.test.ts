import { expect, test } from "vitest";
import { toConfig } from "../../../../src/config/config.js";
import { readSettings } from "../../../../src/config/read-settings.js";

const read = (environment: Record<string, string>) =>
  toConfig(
    readSettings(
      { OSS_ENDPOINT: "oss-cn-hangzhou.aliyuncs.com", OSS_BUCKET: "bucket", ...environment },
      undefined,
    ),
  ).oss;

test("OSS settings: a temporary access key is passed on", () => {
  expect(
    read({ OSS_ACCESS_KEY_ID: "a", OSS_ACCESS_KEY_SECRET: "s", OSS_STS_TOKEN: "t" }),
  ).toMatchObject({
    ...{ accessKeyId: "a", accessKeySecret: "s", stsToken: "t" },
  });
});

test("OSS settings: a place that gives access keys stands for a key", () => {
  const credentialsUrl = "http://100.100.100.200/latest/meta-data/ram/security-credentials/role";
  expect(read({ OSS_CREDENTIALS_URL: credentialsUrl })).toEqual({
    ...{ endpoint: "oss-cn-hangzhou.aliyuncs.com", bucket: "bucket", credentialsUrl },
    ...{ internal: false, cname: false },
  });
  expect(() => read({})).toThrow(/OSS_ACCESS_KEY_ID/);
});

test.each([
  [{ OSS_BUCKET: "My_Bucket" }, /OSS_BUCKET: must be 3 to 63 lower-case letters/],
  [{ OSS_SIGNED_URL_SECONDS: "604801" }, /OSS_SIGNED_URL_SECONDS/],
  [{ OSS_CREDENTIALS_URL: "ftp://x" }, /OSS_CREDENTIALS_URL.*\(hidden\)/],
])("OSS settings: %o is refused by name", (environment, message) => {
  expect(() => read(environment)).toThrow(message);
});
