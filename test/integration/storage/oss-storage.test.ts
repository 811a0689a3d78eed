import { readFile, writeFile } from "node:fs/promises";
import type { LookupFunction } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.js";
import { ACCESS_KEY_ID, ACCESS_KEY_SECRET, BUCKET } from "../../support/oss-server.js";
import {
  calm,
  md5,
  openOss,
  PART_BYTES,
  randomFile,
  startOss,
} from "../../support/oss-server-fixture.js";
import { tempDir } from "../../support/temp-dir.js";

const KEY = "outputs/0123456789abcdef/result.png";

describe("OssStorage.put()", () => {
  test("stores a small file by one signed call, with its type and its name", async () => {
    const server = await startOss();
    const file = await randomFile(50_000);
    await openOss(server).put(file, { signal: calm() });
    expect(server.requests).toMatchObject([
      { operation: "PutObject", signature: "v4", receivedBytes: 50_000 },
    ]);
    expect(md5(await server.read(KEY))).toBe(file.md5);
    expect(server.objects.get(KEY)?.headers).toMatchObject({
      "content-type": "image/png",
      "content-disposition": "inline; filename=result.png",
    });
  });

  test("stores an empty file", async () => {
    const server = await startOss();
    await openOss(server).put(await randomFile(0), { signal: calm() });
    expect(server.objects.get(KEY)).toMatchObject({ sizeBytes: 0 });
  });

  test("stores a large file in parts, with its type and its name", async () => {
    const server = await startOss();
    const file = await randomFile(4.5 * PART_BYTES);
    await openOss(server).put(file, { signal: calm() });
    expect([...server.storedParts()].sort()).toEqual([1, 2, 3, 4, 5]);
    expect(md5(await server.read(KEY))).toBe(file.md5);
    expect(server.objects.get(KEY)?.headers).toMatchObject({
      "content-type": "image/png",
      "content-disposition": "inline; filename=result.png",
    });
    expect(server.uploads.size).toBe(0);
  });

  test("stores a name that is not ASCII under its own key and name", async () => {
    const server = await startOss();
    const key = "outputs/1/结果 (1)+%.png";
    const file = await randomFile(2.5 * PART_BYTES, key);
    await openOss(server).put(file, { signal: calm() });
    expect(md5(await server.read(key))).toBe(file.md5);
    expect(server.objects.get(key)?.headers["content-disposition"]).toBe(
      `inline; filename="__ (1)__.png"; filename*=UTF-8''%E7%BB%93%E6%9E%9C%20%281%29%2B%25.png`,
    );
  });

  test("reports bytes that never fall and end with all of them", async () => {
    const server = await startOss();
    const reports: number[] = [];
    server.inject({
      operation: "UploadPart",
      effect: { kind: "reset", afterBytes: 50_000 },
      times: 2,
    });
    const file = await randomFile(6 * PART_BYTES);
    await openOss(server).put(file, { signal: calm(), onProgress: (bytes) => reports.push(bytes) });
    expect(reports.at(-1)).toBe(file.sizeBytes);
    expect(reports).toEqual([...reports].sort((a, b) => a - b));
  });

  test("saves its checkpoint once, before the first byte is sent", async () => {
    const server = await startOss();
    const saved: unknown[] = [];
    await openOss(server).put(await randomFile(3 * PART_BYTES), {
      signal: calm(),
      saveCheckpoint: async (checkpoint) => {
        saved.push(checkpoint);
        expect(server.seen("UploadPart")).toEqual([]);
      },
    });
    expect(saved).toMatchObject([{ key: KEY, partSizeBytes: PART_BYTES }]);
  });

  test("fails with what saving the checkpoint failed with", async () => {
    const server = await startOss();
    const lost = new Error("lease lost");
    const put = openOss(server).put(await randomFile(3 * PART_BYTES), {
      signal: calm(),
      saveCheckpoint: () => Promise.reject(lost),
    });
    await expect(put).rejects.toBe(lost);
    expect(server.seen("UploadPart")).toEqual([]);
  });
});

describe("OssStorage, addresses", () => {
  const lookup: LookupFunction = (_name, { all }, done) =>
    all === true ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);

  test("names the bucket in the path for an IP address, with the Host that was configured", async () => {
    const server = await startOss();
    await openOss(server).put(await randomFile(10), { signal: calm() });
    expect(server.requests).toMatchObject([{ host: `127.0.0.1:${server.port}`, key: KEY }]);
  });

  test("names the bucket in the host for a regional endpoint, internal where it is wanted", async () => {
    const server = await startOss();
    const endpoint = `http://oss-cn-test.aliyuncs.com:${server.port}`;
    const file = await randomFile(2.5 * PART_BYTES);
    for (const internal of [false, true])
      await openOss(server, { endpoint, internal }, { lookup }).put(file, { signal: calm() });
    const hosts = new Set(server.requests.map(({ host }) => host));
    expect([...hosts]).toEqual([
      `${BUCKET}.oss-cn-test.aliyuncs.com:${server.port}`,
      `${BUCKET}.oss-cn-test-internal.aliyuncs.com:${server.port}`,
    ]);
    expect(md5(await server.read(KEY))).toBe(file.md5);
  });

  test("names the bucket nowhere for a custom domain", async () => {
    const server = await startOss();
    const endpoint = `http://files.custom.test:${server.port}`;
    const storage = openOss(server, { endpoint, cname: true }, { lookup });
    await storage.put(await randomFile(10), { signal: calm() });
    expect(server.requests).toMatchObject([{ host: `files.custom.test:${server.port}`, key: KEY }]);
    expect(await storage.url(KEY)).toEqual({ url: `${endpoint}/${KEY}` });
  });
});

describe("OssStorage.get()", () => {
  test("goes on where a broken connection left off", async () => {
    const server = await startOss();
    const file = await randomFile(500_000);
    const storage = openOss(server);
    await storage.put(file, { signal: calm() });
    for (const afterBytes of [200_000, 100_000])
      server.inject({ operation: "GetObject", effect: { kind: "cut-reply", afterBytes } });
    const path = join(await tempDir(), "fetched");
    expect(await storage.get(KEY, path, { signal: calm() })).toBe(true);
    expect(md5(await readFile(path))).toBe(file.md5);
    expect(server.seen("GetObject")).toMatchObject([{}, {}, { statusCode: 206 }]);
  });

  test("is cut in the midst by its signal", async () => {
    const server = await startOss();
    const storage = openOss(server);
    await storage.put(await randomFile(10), { signal: calm() });
    server.inject({ operation: "GetObject", effect: { kind: "stall", afterBytes: 0 } });
    const cancel = new AbortController();
    const path = join(await tempDir(), "fetched");
    const get = storage.get(KEY, path, { signal: cancel.signal });
    await eventually(() => server.seen("GetObject").length === 1);
    const reason = new Error("the task was canceled");
    cancel.abort(reason);
    await expect(get).rejects.toBe(reason);
  });

  test("tells which right is missing", async () => {
    const server = await startOss({ denied: ["oss:GetObject", "oss:ListObjects"] });
    const storage = openOss(server);
    const path = join(await tempDir(), "fetched");
    const refusal = { code: "STORAGE_REFUSED", message: expect.stringMatching(/oss:ListObjects/) };
    await expect(storage.get(KEY, path, { signal: calm() })).rejects.toMatchObject(refusal);
    await expect(storage.find(KEY, calm())).rejects.toMatchObject(refusal);
    const list = async () => {
      for await (const _ of storage.list("uploads/", calm()));
    };
    await expect(list()).rejects.toMatchObject(refusal);
  });
});

describe("OssStorage.url()", () => {
  test("is where anybody gets a public object", async () => {
    const server = await startOss({ isPublic: true });
    const key = "outputs/1/结果 (1)+%.png";
    const file = await randomFile(1000, key);
    const storage = openOss(server);
    await storage.put(file, { signal: calm() });
    const { url, expiresAt } = await storage.url(key);
    expect(url).toBe(`${server.endpoint}/${BUCKET}/outputs/1/%E7%BB%93%E6%9E%9C%20(1)%2B%25.png`);
    expect(expiresAt).toBeUndefined();
    expect(md5(Buffer.from(await (await fetch(url)).arrayBuffer()))).toBe(file.md5);
  });

  test("is signed afresh at each call, holds as long as it says, and for that object alone", async () => {
    const server = await startOss();
    const key = "outputs/1/结果 (1)+%.png";
    const file = await randomFile(1000, key);
    const storage = openOss(server, { signedUrlMs: 3_600_000 });
    await storage.put(file, { signal: calm() });
    const { url, expiresAt } = await storage.url(key);
    expect(md5(Buffer.from(await (await fetch(url)).arrayBuffer()))).toBe(file.md5);
    expect(expiresAt?.getTime()).toBeGreaterThan(Date.now() + 3_590_000);
    expect(expiresAt?.getTime()).toBeLessThanOrEqual(Date.now() + 3_600_000);
    expect((await fetch(url.replace("outputs/1", "outputs/2"))).status).toBe(403);
    server.set({ clockAheadMs: 3_599_000 - 10_000 });
    expect((await fetch(url)).status).toBe(200);
    server.set({ clockAheadMs: 3_601_000 });
    expect((await fetch(url)).status).toBe(403);
  });

  test("stands on publicBaseUrl, signed or not", async () => {
    const server = await startOss();
    const publicBaseUrl = "https://cdn.example.com/files";
    const plain = await openOss(server, { publicBaseUrl }).url(KEY);
    expect(plain.url).toBe(`${publicBaseUrl}/${KEY}`);
    const signed = await openOss(server, { publicBaseUrl, signedUrlMs: 60_000 }).url(KEY);
    expect(signed.url).toMatch(
      /^https:\/\/cdn\.example\.com\/files\/outputs\/[^?]+\?.*x-oss-signature=/,
    );
  });
});

describe("OssStorage, temporary access keys", () => {
  const stsToken = "CAIS-token/with+special=characters";

  test("sends the token with every call and in signed URLs", async () => {
    const server = await startOss({ signer: { stsToken } });
    const storage = openOss(server, { stsToken, signedUrlMs: 60_000 });
    await storage.put(await randomFile(2.5 * PART_BYTES), { signal: calm() });
    expect((await fetch((await storage.url(KEY)).url)).status).toBe(200);
    await expect(
      openOss(server).put(await randomFile(10), { signal: calm() }),
    ).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
      message: expect.stringContaining("OSS_STS_TOKEN"),
    });
  });

  test("fetches them from a file, and signed URLs end with them", async () => {
    const server = await startOss({ signer: { stsToken } });
    const path = join(await tempDir(), "credentials.json");
    const Expiration = new Date(Date.now() + 600_000).toISOString();
    const content = {
      AccessKeyId: ACCESS_KEY_ID,
      AccessKeySecret: ACCESS_KEY_SECRET,
      SecurityToken: stsToken,
      Expiration,
    };
    await writeFile(path, JSON.stringify(content));
    const credentialsUrl = pathToFileURL(path).href;
    const storage = openOss(server, { credentialsUrl, signedUrlMs: 3_600_000 });
    await storage.put(await randomFile(10), { signal: calm() });
    expect(await storage.url(KEY)).toMatchObject({ expiresAt: new Date(Expiration) });
  });

  test("reads the file again once OSS refuses the key in hand", async () => {
    const server = await startOss({ signer: { stsToken } });
    const path = join(await tempDir(), "credentials.json");
    const write = (SecurityToken: string) =>
      writeFile(
        path,
        JSON.stringify({
          AccessKeyId: ACCESS_KEY_ID,
          AccessKeySecret: ACCESS_KEY_SECRET,
          SecurityToken,
        }),
      );
    await write("revoked");
    const storage = openOss(server, { credentialsUrl: pathToFileURL(path).href });
    const file = await randomFile(10);
    await expect(storage.put(file, { signal: calm() })).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
    });
    await write(stsToken);
    await storage.put(file, { signal: calm() });
    expect(server.objects.size).toBe(1);
  });
});
