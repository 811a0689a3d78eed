import { access } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAddressGuard } from "../../../src/net/address-guard.js";
import { createGuardedAgent } from "../../../src/net/guarded-agent.js";
import { startDownload } from "../../support/download.js";
import { eventually } from "../../support/eventually.js";
import { startOrigin } from "../../support/http-origin.js";

async function readToEnd(reader: AsyncIterator<unknown>): Promise<void> {
  while ((await reader.next()).done !== true);
}

const MEBIBYTE = Buffer.alloc(1024 * 1024, 1);

describe("downloadInput() and its limits", () => {
  it("refuses a declared size before it reads a byte", async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "content-length": 3 * 1024 ** 3 });
      response.write(MEBIBYTE);
    });
    const { path, outcome, reports } = await startDownload(origin.url, { maxBytes: 1024 ** 3 });
    await expect(outcome).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      message: expect.stringMatching(/it has 3221225472 bytes, more than the limit of 1073741824$/),
    });
    expect(reports).toEqual([]);
    await expect(access(path)).rejects.toThrow("ENOENT");
  });

  it("stops an endless body of undeclared size at the limit", async () => {
    let isClosed = false;
    const origin = await startOrigin((_request, response) => {
      const write = () => {
        while (!isClosed && response.write(MEBIBYTE));
      };
      response.on("drain", write).on("close", () => {
        isClosed = true;
      });
      write();
    });
    const { path, outcome } = await startDownload(origin.url, { maxBytes: 3_000_000 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_TOO_LARGE", family: "task" });
    await eventually(() => isClosed);
    expect(origin.requests).toHaveLength(1);
    await expect(access(`${path}.part`)).rejects.toThrow("ENOENT");
  });

  it("takes a file that is exactly as large as the limit", async () => {
    const origin = await startOrigin((_request, response) => response.end(MEBIBYTE));
    const { outcome } = await startDownload(origin.url, { maxBytes: MEBIBYTE.length });
    await expect(outcome).resolves.toEqual({ sizeBytes: MEBIBYTE.length });
  });

  it("measures a compressed body decompressed", async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
    });
    expect(bomb.length).toBeLessThan(1_000_000);
    const { outcome } = await startDownload(origin.url, { maxBytes: 1_000_000 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  });

  it("gives up on an origin that sends no headers", async () => {
    const origin = await startOrigin(() => {});
    const { outcome } = await startDownload(origin.url, { headersTimeoutMs: 50, retryCount: 0 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_TIMEOUT", family: "passing" });
    expect(origin.requests).toHaveLength(1);
  });

  it("gives up on a name that is not resolved in time", async () => {
    const guard = createAddressGuard({ allow: [], lookup: () => {} });
    const { outcome } = await startDownload("http://files.example/", {
      guard,
      connectTimeoutMs: 50,
      retryCount: 0,
    });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_TIMEOUT" });
  });

  it("gives up on an origin that stops in the middle", async () => {
    const origin = await startOrigin((_request, response) => void response.write(MEBIBYTE));
    const { outcome } = await startDownload(origin.url, { idleTimeoutMs: 50, retryCount: 0 });
    await expect(outcome).rejects.toMatchObject({
      code: "INPUT_TIMEOUT",
      message: expect.stringMatching("the server stopped sending"),
    });
  });

  it("gives up on an origin that trickles, though it never stops", async () => {
    const origin = await startOrigin((_request, response) => {
      const timer = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(timer));
    });
    const { outcome } = await startDownload(origin.url, {
      minBytesPerSecond: 10_000,
      speedWindowMs: 100,
      retryCount: 0,
    });
    await expect(outcome).rejects.toMatchObject({
      code: "INPUT_TIMEOUT",
      message: expect.stringMatching("less than 10000 bytes per second"),
    });
  });

  it("ends after its whole time, however often it could try again", async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(500).end();
    });
    const { outcome } = await startDownload(origin.url, {
      totalTimeoutMs: 50,
      retryDelayMs: 5_000,
      maxRetryDelayMs: 5_000,
    });
    await expect(outcome).rejects.toMatchObject({
      code: "INPUT_TIMEOUT",
      message: `Cannot download input "${origin.url}/": it did not end within 0.05 s`,
    });
  });
});

describe("undici", () => {
  it("survives connections that are cut while nobody reads", async () => {
    let closedCount = 0;
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "content-length": 10 * MEBIBYTE.length });
      response.write(MEBIBYTE, () => response.socket?.destroy());
      response.on("close", () => closedCount++);
    });
    const agent = createGuardedAgent(createAddressGuard({ allow: ["127.0.0.1"] }), {
      connectTimeoutMs: 5_000,
      headersTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
    });
    onTestFinished(() => agent.destroy());
    for (let count = 1; count <= 40; count++) {
      const { body } = await request(origin.url, { dispatcher: agent });
      const reader = body[Symbol.asyncIterator]();
      await reader.next();
      await eventually(() => closedCount === count);
      await expect(readToEnd(reader)).rejects.toMatchObject({
        code: expect.stringMatching(/^(UND_ERR_SOCKET|ECONNRESET)$/),
      });
    }
  });
});
