import { describe, expect, test } from "vitest";
import {
  ACCESS_KEY_ID,
  ACCESS_KEY_SECRET,
  BUCKET,
  type OssServer,
  REGION,
} from "../../support/oss-server.js";
import { startOss } from "../../support/oss-server-fixture.js";
import { type SignedRequest, signV1, signV4 } from "../../support/oss-server-signature.js";

// The stand-in is only worth something if it refuses what the real one refuses. The requests here are
// signed without the SDK.

const KEY = "outputs/1/结果 1.png";

function basicDate(atMs: number): string {
  return `${new Date(atMs).toISOString().replace(/[-:]|\.\d+/g, "")}`;
}

interface Signing {
  readonly secret?: string;
  readonly keyId?: string;
  readonly region?: string;
  readonly atMs?: number;
}

function v4Headers(request: SignedRequest, signing: Signing = {}): Record<string, string> {
  const {
    secret = ACCESS_KEY_SECRET,
    keyId = ACCESS_KEY_ID,
    region = REGION,
    atMs = Date.now(),
  } = signing;
  const date = basicDate(atMs);
  const headers = {
    ...request.headers,
    "x-oss-date": date,
    "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
  };
  const signature = signV4({ ...request, headers }, { accessKeySecret: secret, region, date });
  const credential = `${keyId}/${date.slice(0, 8)}/${region}/oss/aliyun_v4_request`;
  return {
    ...headers,
    authorization: `OSS4-HMAC-SHA256 Credential=${credential},Signature=${signature}`,
  };
}

function put(key: string): SignedRequest & { readonly headers: Record<string, string> } {
  return {
    method: "PUT",
    bucket: BUCKET,
    key,
    query: [],
    headers: { "content-type": "image/png" },
  };
}

async function send(
  server: OssServer,
  method: string,
  key: string,
  headers: Record<string, string>,
  query = "",
) {
  const response = await fetch(`${server.endpoint}/${BUCKET}/${encodeURI(key)}${query}`, {
    ...{ method, headers },
    ...(method === "PUT" && { body: "content" }),
  });
  const text = await response.text();
  return { status: response.status, text, code: /<Code>(\w+)/.exec(text)?.[1] };
}

describe("OssServer, header signatures", () => {
  test("takes V4 and V1", async () => {
    const server = await startOss();
    expect((await send(server, "PUT", KEY, v4Headers(put(KEY)))).status).toBe(200);
    const date = new Date().toUTCString();
    const v1 = { "content-type": "image/png", "x-oss-date": date };
    const signature = signV1({ ...put("outputs/1/b.png"), headers: v1 }, ACCESS_KEY_SECRET, date);
    const headers = { ...v1, authorization: `OSS ${ACCESS_KEY_ID}:${signature}` };
    expect((await send(server, "PUT", "outputs/1/b.png", headers)).status).toBe(200);
    expect(server.requests.map(({ signature: kind }) => kind)).toEqual(["v4", "v1"]);
    expect((await server.read(KEY)).toString()).toBe("content");
  });

  test.each<[string, Signing, number, string]>([
    ["a wrong secret", { secret: "other" }, 403, "SignatureDoesNotMatch"],
    ["an unknown key id", { keyId: "LTAIother" }, 403, "InvalidAccessKeyId"],
    ["another region", { region: "cn-other" }, 400, "InvalidArgument"],
    ["a clock 16 minutes behind", { atMs: Date.now() - 16 * 60_000 }, 403, "RequestTimeTooSkewed"],
    ["a clock 16 minutes ahead", { atMs: Date.now() + 16 * 60_000 }, 403, "RequestTimeTooSkewed"],
  ])("refuses %s", async (_, signing, status, code) => {
    const server = await startOss();
    const answer = await send(server, "PUT", KEY, v4Headers(put(KEY), signing));
    expect(answer).toMatchObject({ status, code });
    expect(server.objects.size).toBe(0);
  });

  test("refuses another path, header or query than was signed, and no signature", async () => {
    const server = await startOss();
    const signed = v4Headers(put(KEY));
    const tampered = { ...signed, "content-type": "text/html" };
    const answers = [
      await send(server, "PUT", "outputs/2/other.png", signed),
      await send(server, "PUT", KEY, tampered),
      await send(server, "PUT", KEY, signed, "?x-oss-traffic-limit=1"),
      await send(server, "PUT", KEY, { "content-type": "image/png" }),
    ];
    const refused = "SignatureDoesNotMatch";
    expect(answers.map(({ code }) => code)).toEqual([refused, refused, refused, "AccessDenied"]);
  });
});

describe("OssServer, URL signatures", () => {
  const urlQuery = (
    key: string,
    expires: number,
    { secret = ACCESS_KEY_SECRET, atMs = Date.now() }: Signing = {},
  ) => {
    const date = basicDate(atMs);
    const query: [string, string][] = [
      ["x-oss-signature-version", "OSS4-HMAC-SHA256"],
      ["x-oss-credential", `${ACCESS_KEY_ID}/${date.slice(0, 8)}/${REGION}/oss/aliyun_v4_request`],
      ["x-oss-date", date],
      ["x-oss-expires", String(expires)],
    ];
    const request = { method: "GET", bucket: BUCKET, key, query, headers: {} };
    const signature = signV4(request, { accessKeySecret: secret, region: REGION, date });
    return `?${new URLSearchParams([...query, ["x-oss-signature", signature]])}`;
  };
  const stored = async () => {
    const server = await startOss();
    await send(server, "PUT", KEY, v4Headers(put(KEY)));
    return server;
  };

  test("takes V4 and V1 while they hold", async () => {
    const server = await stored();
    expect(await send(server, "GET", KEY, {}, urlQuery(KEY, 60))).toMatchObject({
      text: "content",
    });
    const expires = String(Math.floor(Date.now() / 1000) + 60);
    const request = { method: "GET", bucket: BUCKET, key: KEY, query: [], headers: {} };
    const v1 = {
      OSSAccessKeyId: ACCESS_KEY_ID,
      Expires: expires,
      Signature: signV1(request, ACCESS_KEY_SECRET, expires),
    };
    expect(await send(server, "GET", KEY, {}, `?${new URLSearchParams(v1)}`)).toMatchObject({
      text: "content",
    });
    expect(server.seen("GetObject").map(({ signature }) => signature)).toEqual([
      "v4-url",
      "v1-url",
    ]);
  });

  test("refuses an expired one, a wrong secret, another object, a longer time than was signed", async () => {
    const server = await stored();
    const codes = [
      await send(server, "GET", KEY, {}, urlQuery(KEY, 60, { atMs: Date.now() - 61_000 })),
      await send(server, "GET", KEY, {}, urlQuery(KEY, 60, { secret: "other" })),
      await send(server, "GET", KEY, {}, urlQuery("outputs/2/other.png", 60)),
      await send(
        server,
        "GET",
        KEY,
        {},
        urlQuery(KEY, 60).replace("x-oss-expires=60", "x-oss-expires=600"),
      ),
      await send(server, "GET", KEY, {}, urlQuery(KEY, 604_801)),
    ];
    expect(codes.map(({ code }) => code)).toEqual([
      ...[
        "AccessDenied",
        "SignatureDoesNotMatch",
        "SignatureDoesNotMatch",
        "SignatureDoesNotMatch",
      ],
      "AuthorizationQueryParametersError",
    ]);
  });
});

describe("OssServer, parts", () => {
  const call = async (
    server: OssServer,
    method: string,
    query: [string, string][],
    body?: string | Buffer,
  ) => {
    const request = {
      method,
      bucket: BUCKET,
      key: KEY,
      query,
      headers: { "content-type": "text/plain" },
    };
    const response = await fetch(
      `${server.endpoint}/${BUCKET}/${encodeURI(KEY)}?${new URLSearchParams(query)}`,
      {
        ...{ method, headers: v4Headers(request) },
        ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }),
      },
    );
    const text = await response.text();
    return { text, code: /<Code>(\w+)/.exec(text)?.[1], etag: response.headers.get("etag") ?? "" };
  };
  const begin = async (server: OssServer) => {
    const { text } = await call(server, "POST", [["uploads", ""]]);
    return /<UploadId>(\w+)/.exec(text)?.[1] ?? "";
  };
  const part = async (server: OssServer, uploadId: string, number: number, body: string | Buffer) =>
    await call(
      server,
      "PUT",
      [
        ["partNumber", String(number)],
        ["uploadId", uploadId],
      ],
      body,
    );
  const complete = async (server: OssServer, uploadId: string, parts: [number, string][]) => {
    const list = parts.map(
      ([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    return await call(
      server,
      "POST",
      [["uploadId", uploadId]],
      `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`,
    );
  };

  test("a part that is sent again replaces the first, and its ETag is the one that counts", async () => {
    const server = await startOss();
    const uploadId = await begin(server);
    const first = await part(server, uploadId, 1, "first");
    const second = await part(server, uploadId, 1, "second");
    expect((await complete(server, uploadId, [[1, first.etag]])).code).toBe("InvalidPart");
    expect((await complete(server, uploadId, [[1, second.etag]])).code).toBeUndefined();
    expect((await server.read(KEY)).toString()).toBe("second");
    expect((await complete(server, uploadId, [[1, second.etag]])).code).toBe("NoSuchUpload");
  });

  test("refuses a small part before the last, a wrong order, an unknown upload, a bad number", async () => {
    const server = await startOss();
    const uploadId = await begin(server);
    const [a, b] = [
      await part(server, uploadId, 1, "small"),
      await part(server, uploadId, 2, "last"),
    ];
    const codes = [
      await complete(server, uploadId, [
        [1, a.etag],
        [2, b.etag],
      ]),
      await complete(server, uploadId, [
        [2, b.etag],
        [1, a.etag],
      ]),
      await part(server, "0".repeat(32), 1, "x"),
      await part(server, uploadId, 10_001, "x"),
      await call(server, "DELETE", [["uploadId", uploadId]]),
      await part(server, uploadId, 1, "x"),
    ].map(({ code }) => code);
    expect(codes).toEqual([
      ...[
        "EntityTooSmall",
        "InvalidPartOrder",
        "NoSuchUpload",
        "InvalidArgument",
        undefined,
        "NoSuchUpload",
      ],
    ]);
  });
});
