import { expect, test } from "vitest";
import type { OssOptions } from "../../../src/storage/oss/options.js";
import type { OssServerOptions } from "../../support/oss-server.js";
import { calm, openOss, randomFile, startOss } from "../../support/oss-server-fixture.js";

test("OssStorage.probe() passes with the right to put alone, and leaves nothing", async () => {
  const server = await startOss({
    denied: ["oss:GetObject", "oss:ListParts", "oss:AbortMultipartUpload"],
  });
  await openOss(server).probe(calm());
  expect(server.requests).toMatchObject([{ operation: "UploadPart", statusCode: 404 }]);
  expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
});

// What is wrong, and what the one sentence must say to change.
const REFUSALS: [string, Partial<OssOptions>, OssServerOptions, RegExp][] = [
  ["an unknown key id", { accessKeyId: "LTAIother" }, {}, /key id .*OSS_ACCESS_KEY_ID/],
  [
    "a wrong secret",
    { accessKeySecret: "other" },
    {},
    /secret does not fit.*OSS_ACCESS_KEY_SECRET/,
  ],
  ["a missing bucket", { bucket: "elsewhere" }, {}, /no bucket "elsewhere".*OSS_BUCKET/],
  ["a wrong region", { region: "oss-cn-other" }, {}, /not in region "cn-other".*OSS_REGION/],
  [
    "a missing right",
    {},
    { denied: ["oss:PutObject"] },
    /grant it oss:PutObject.*"results\/outputs\/\*"/,
  ],
  ["a forbidden public endpoint", {}, { isEndpointForbidden: true }, /OSS_INTERNAL.*OSS_CNAME/],
  ["a clock that is off", {}, { clockAheadMs: 16 * 60_000 }, /clock is more than 15 minutes off/],
  ["a token that is over", { stsToken: "old" }, {}, /OSS_STS_TOKEN.*OSS_CREDENTIALS_URL/],
];

test.each(REFUSALS)("OssStorage.probe() explains %s", async (_, options, behaviour, message) => {
  const server = await startOss(behaviour);
  await expect(openOss(server, options).probe(calm())).rejects.toMatchObject({
    code: "STORAGE_REFUSED",
    message: expect.stringMatching(message),
  });
});

test.each(REFUSALS)(
  "OssStorage.put() explains %s too, and keeps the secret out",
  async (_, options, behaviour, message) => {
    const server = await startOss(behaviour);
    const put = openOss(server, options).put(await randomFile(10), { signal: calm() });
    const error = await put.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "STORAGE_REFUSED",
      message: expect.stringMatching(message),
    });
    expect(String(error)).not.toContain("secret-of-the-test");
  },
);

test("OssStorage.probe() tells a storage out of reach from one that refuses", async () => {
  const server = await startOss();
  await server.goDown();
  await expect(openOss(server).probe(calm())).rejects.toMatchObject({
    code: "UPLOAD_FAILED",
    message: expect.stringContaining("ECONNREFUSED"),
  });
});

test("OssStorage.probe() explains an endpoint that speaks no TLS", async () => {
  const server = await startOss();
  const endpoint = server.endpoint.replace("http:", "https:");
  await expect(openOss(server, { endpoint }).probe(calm())).rejects.toMatchObject({
    code: "STORAGE_REFUSED",
    message: expect.stringMatching(/certificate.*OSS_ENDPOINT with http:/),
  });
});

test("OssStorage.probe() survives a passing fault", async () => {
  const server = await startOss();
  server.inject({
    operation: "UploadPart",
    effect: { kind: "answer", statusCode: 503, code: "ServiceUnavailable" },
  });
  await openOss(server).probe(calm());
});
