import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../../src/lib/logger.js";
import { OssCredentials } from "../../../../src/storage/oss/credentials.js";
import { tempDir } from "../../../support/temp-dir.js";

const START = Date.parse("2026-01-02T00:00:00Z");
const MINUTE = 60_000;

/** A place that gives a new key at each call, each for an hour, until it is told to fail. */
async function startSource() {
  const source = { calls: 0, fails: false, now: START, url: "" };
  const server = createServer((_request, response) => {
    source.calls += 1;
    response.statusCode = source.fails ? 500 : 200;
    const Expiration = new Date(source.now + 60 * MINUTE).toISOString().replace(".000", "");
    const key = {
      AccessKeyId: `key-${source.calls}`,
      AccessKeySecret: "s",
      SecurityToken: "t",
      Expiration,
    };
    response.end(JSON.stringify({ Code: "Success", ...key }));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  source.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/role?token=hidden`;
  return source;
}

function open(credentialsUrl: string, now: () => number): OssCredentials {
  const options = { endpoint: "e", bucket: "b", internal: false, cname: false, credentialsUrl };
  return new OssCredentials(options, createLogger("silent"), now);
}

describe("OssCredentials.current()", () => {
  test("fetches once for many callers, and again five minutes before the key expires", async () => {
    const source = await startSource();
    const credentials = open(source.url, () => source.now);
    const keys = await Promise.all([credentials.current(), credentials.current()]);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[0]).toEqual({
      ...{ accessKeyId: "key-1", accessKeySecret: "s", stsToken: "t" },
      expiresAt: new Date(START + 60 * MINUTE),
    });
    source.now = START + 54 * MINUTE;
    expect(await credentials.current()).toBe(keys[0]);
    source.now = START + 56 * MINUTE;
    expect(await credentials.current()).toMatchObject({ accessKeyId: "key-2" });
    expect(source.calls).toBe(2);
  });

  test("goes on with the key in hand while it lives, trying again after a pause", async () => {
    const source = await startSource();
    const credentials = open(source.url, () => source.now);
    await credentials.current();
    source.fails = true;
    source.now = START + 56 * MINUTE;
    for (const _ of [1, 2])
      expect(await credentials.current()).toMatchObject({ accessKeyId: "key-1" });
    expect(source.calls).toBe(2);
    source.fails = false;
    source.now += 11_000;
    expect(await credentials.current()).toMatchObject({ accessKeyId: "key-3" });
  });

  test("fails with UPLOAD_FAILED once the key in hand is over", async () => {
    const source = await startSource();
    const credentials = open(source.url, () => source.now);
    await credentials.current();
    source.fails = true;
    source.now = START + 61 * MINUTE;
    await expect(credentials.current()).rejects.toMatchObject({
      code: "UPLOAD_FAILED",
      message: `Cannot get OSS credentials from "${source.url.replace("?token=hidden", "")}": it is out of reach, check OSS_CREDENTIALS_URL`,
    });
  });

  test("fetches anew after the key was refused", async () => {
    const source = await startSource();
    const credentials = open(source.url, () => source.now);
    await credentials.current();
    credentials.invalidate();
    expect(await credentials.current()).toMatchObject({ accessKeyId: "key-2" });
  });

  test.each([
    "",
    "{}",
    '{"AccessKeyId":"a","AccessKeySecret":"very-secret","Expiration":"soon"}',
    '"very-secret',
  ])("refuses an answer without a key, and does not repeat it: %s", async (content) => {
    const path = join(await tempDir(), "credentials.json");
    await writeFile(path, content);
    const thrown = await open(pathToFileURL(path).href, Date.now)
      .current()
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      code: "UPLOAD_FAILED",
      message: expect.stringContaining("has no access key"),
    });
    expect(JSON.stringify([thrown, String((thrown as Error).cause)])).not.toContain("very-secret");
  });

  test("without a key and without a place to fetch one it says what to set", async () => {
    const options = { endpoint: "e", bucket: "b", internal: false, cname: false };
    const credentials = new OssCredentials(options, createLogger("silent"));
    await expect(credentials.current()).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
      message: expect.stringContaining("OSS_ACCESS_KEY_ID"),
    });
  });
});
