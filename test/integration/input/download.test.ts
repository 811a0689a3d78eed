import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { access, readFile, symlink } from "node:fs/promises";
import type { RequestListener, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { queryObjects } from "node:v8";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { openInputAgent } from "../../../src/input/download-input.js";
import { createAddressGuard } from "../../../src/net/address-guard.js";
import { startDownload } from "../../support/download.js";
import { eventually } from "../../support/eventually.js";
import { startOrigin } from "../../support/http-origin.js";
import { tempDir } from "../../support/temp-dir.js";

const FILE = randomBytes(300_000);

/** Answers the n-th request with the n-th listener, the last one for good. */
function inTurn(...listeners: readonly RequestListener[]): RequestListener {
  let requestCount = 0;
  return (request, response) => {
    const index = Math.min(requestCount++, listeners.length - 1);
    listeners[index]?.(request, response);
  };
}

const sendFile: RequestListener = (_request, response) => response.end(FILE);

function sendStatus(status: number, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end("reason");
}

/** Sends the head and a part, and leaves the rest to the caller. */
function begin(response: ServerResponse, headers: Record<string, string | number> = {}): void {
  response.writeHead(200, headers);
  response.write(FILE.subarray(0, 1_000));
}

async function expectNothingLeft(path: string): Promise<void> {
  for (const left of [path, `${path}.part`]) await expect(access(left)).rejects.toThrow("ENOENT");
}

describe("downloadInput()", () => {
  it("fetches a file, reports its size and names itself", async () => {
    const origin = await startOrigin(sendFile);
    const { path, outcome, reports } = await startDownload(`${origin.url}/photo.png?size=large`);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
    expect(FILE.equals(await readFile(path))).toBe(true);
    await expect(access(`${path}.part`)).rejects.toThrow("ENOENT");
    expect(reports.at(-1)).toEqual([FILE.length, FILE.length]);
    expect(origin.requests[0]).toMatchObject({
      path: "/photo.png?size=large",
      headers: { "user-agent": "test-agent", "accept-encoding": "identity" },
    });
  });

  it("waits with the directory until the origin is asked", async () => {
    const origin = await startOrigin(sendFile);
    const directory = join(await tempDir(), "not", "there", "yet");
    const make = (path: string) => mkdirSync(dirname(path), { recursive: true });
    const { path, outcome } = await startDownload(origin.url, {}, directory, make);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
    expect(FILE.equals(await readFile(path))).toBe(true);
  });

  it("drops what the origin answers where there is no directory for it", async () => {
    let closedCount = 0;
    const origin = await startOrigin((_request, response) => {
      response.once("close", () => {
        closedCount += 1;
      });
      begin(response);
    });
    const refuse = () => {
      throw new Error("no directory");
    };
    await using shared = openInputAgent(createAddressGuard({ allow: ["127.0.0.1"] }));
    const agent = { agent: shared.dispatcher };
    const { path, outcome } = await startDownload(origin.url, agent, undefined, refuse);
    await expect(outcome).rejects.toThrow("no directory");
    // Left alone, it would end only when nothing came for 30 seconds.
    await eventually(() => closedCount === 1, { limitMs: 15_000 });
    await expectNothingLeft(path);
  });

  it("leaves nothing of its connections in memory, however long it might have taken", async () => {
    const origin = await startOrigin(sendFile);
    const agentCount = () => queryObjects(Agent, { format: "count" });
    await (await startDownload(origin.url)).outcome;
    const before = agentCount();
    for (let count = 0; count < 10; count += 1) await (await startDownload(origin.url)).outcome;
    // The last one may still be on its way out.
    expect(agentCount() - before).toBeLessThanOrEqual(1);
  });

  it("fetches a file whose length is not declared, and an empty one", async () => {
    const origin = await startOrigin((request, response) => {
      response.write("");
      response.end(request.url === "/empty" ? undefined : FILE);
    });
    const whole = await startDownload(origin.url);
    await expect(whole.outcome).resolves.toEqual({ sizeBytes: FILE.length });
    const empty = await startDownload(`${origin.url}/empty`);
    await expect(empty.outcome).resolves.toEqual({ sizeBytes: 0 });
  });

  it.each([
    ["attachment; filename*=UTF-8''%E7%85%A7%E7%89%87.png", "照片.png"],
    ['attachment; filename="照片.png"', "照片.png"],
    ["inline", undefined],
  ])("answers the name in Content-Disposition %j", async (header, suggestedName) => {
    const origin = await startOrigin((_request, response) => {
      const value = Buffer.from(header).toString("latin1");
      response.writeHead(200, { "content-disposition": value }).end(FILE);
    });
    const { outcome } = await startDownload(origin.url);
    expect((await outcome).suggestedName).toBe(suggestedName);
  });

  it("follows 5 redirects and no more", async () => {
    const origin = await startOrigin((request, response) => {
      const leftCount = Number(request.url?.slice(1));
      if (leftCount === 0) response.end(FILE);
      else response.writeHead(302, { location: `/${leftCount - 1}` }).end();
    });
    const five = await startDownload(`${origin.url}/5`);
    await expect(five.outcome).resolves.toEqual({ sizeBytes: FILE.length });
    const six = await startDownload(`${origin.url}/6`);
    await expect(six.outcome).rejects.toMatchObject({
      code: "INPUT_REFUSED",
      message: `Cannot download input "${origin.url}/6": it redirects more than 5 times`,
    });
  });

  it("ends in a redirect loop", async () => {
    const origin = await startOrigin(sendStatus(301, { location: "/again" }));
    const { outcome } = await startDownload(origin.url);
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_REFUSED" });
  });

  it.each([
    [404, "INPUT_NOT_FOUND"],
    [410, "INPUT_NOT_FOUND"],
    [400, "INPUT_REFUSED"],
    [401, "INPUT_REFUSED"],
    [403, "INPUT_REFUSED"],
    [204, "INPUT_REFUSED"],
    [206, "INPUT_REFUSED"],
    [304, "INPUT_REFUSED"],
  ])("takes a %i for final", async (status, code) => {
    const origin = await startOrigin(sendStatus(status));
    const { path, outcome } = await startDownload(`${origin.url}/photo.png?token=secret`);
    await expect(outcome).rejects.toMatchObject({
      code,
      family: "task",
      message: expect.stringMatching(
        new RegExp(`^Cannot download input "${origin.url}/photo.png": server answered ${status}`),
      ),
    });
    expect(origin.requests).toHaveLength(1);
    await expectNothingLeft(path);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])("tries again after a %i", async (status) => {
    const origin = await startOrigin(inTurn(sendStatus(status), sendFile));
    const { outcome } = await startDownload(origin.url);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
    expect(origin.requests).toHaveLength(2);
  });

  it("gives up when the retries are used up", async () => {
    const origin = await startOrigin(sendStatus(500));
    const { outcome } = await startDownload(origin.url, { retryCount: 2 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_UNREACHABLE", family: "passing" });
    expect(origin.requests).toHaveLength(3);
  });

  it("waits as long as Retry-After says", async () => {
    const origin = await startOrigin(inTurn(sendStatus(429, { "retry-after": "1" }), sendFile));
    const startedAtMs = performance.now();
    const { outcome } = await startDownload(origin.url);
    await outcome;
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(990);
  });

  it("hands a Retry-After that is longer than its own pauses to the caller", async () => {
    const origin = await startOrigin(sendStatus(503, { "retry-after": "120" }));
    const { outcome } = await startDownload(origin.url);
    await expect(outcome).rejects.toMatchObject({
      code: "INPUT_UNREACHABLE",
      retryAfterMs: 120_000,
    });
    expect(origin.requests).toHaveLength(1);
  });

  it("tries again after a connection that was reset before the answer", async () => {
    const origin = await startOrigin(
      inTurn((request) => request.socket.resetAndDestroy(), sendFile),
    );
    const { outcome } = await startDownload(origin.url);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
  });

  it("says that nobody listens", async () => {
    const { outcome } = await startDownload("http://127.0.0.1:1/", { retryCount: 0 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_UNREACHABLE" });
  });

  it("takes a file that ends too early for truncated, with and without a declared length", async () => {
    const origin = await startOrigin((request, response) => {
      begin(response, request.url === "/declared" ? { "content-length": FILE.length } : {});
      setImmediate(() => response.destroy());
    });
    const declared = await startDownload(`${origin.url}/declared`, { retryCount: 1 });
    await expect(declared.outcome).rejects.toMatchObject({
      code: "INPUT_TRUNCATED",
      family: "passing",
      message: expect.stringMatching(/stopped after \d+ of 300000 bytes$/),
    });
    await expectNothingLeft(declared.path);
    const chunked = await startDownload(origin.url, { retryCount: 1 });
    await expect(chunked.outcome).rejects.toMatchObject({ code: "INPUT_TRUNCATED" });
    expect(origin.requests).toHaveLength(4);
  });

  it("takes a chunked body without its last chunk for truncated, however the connection is closed", async () => {
    const origin = await startOrigin((request, response) => {
      const isWhole = request.url === "/whole";
      response.writeHead(200, { connection: "close", "transfer-encoding": "chunked" });
      response.write(FILE, () => {
        if (isWhole) response.end();
        else if (request.url === "/reset") response.socket?.resetAndDestroy();
        else response.socket?.end();
      });
    });
    for (const path of ["/ended", "/reset"]) {
      const cut = await startDownload(origin.url + path, { retryCount: 1 });
      await expect(cut.outcome).rejects.toMatchObject({ code: "INPUT_TRUNCATED" });
    }
    const whole = await startDownload(`${origin.url}/whole`, { retryCount: 1 });
    await expect(whole.outcome).resolves.toEqual({ sizeBytes: FILE.length });
  });

  it("decompresses a body that comes compressed although it was not asked for", async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(FILE));
    });
    const { path, outcome } = await startDownload(origin.url);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
    expect(FILE.equals(await readFile(path))).toBe(true);
  });

  it.each<[string | string[], Buffer]>([
    ["aws-chunked", FILE],
    ["UTF-8", FILE],
    ["identity, binary", FILE],
    ["aws-chunked,gzip", gzipSync(FILE)],
    ["br, gzip", gzipSync(brotliCompressSync(FILE))],
    [["gzip", "br"], brotliCompressSync(gzipSync(FILE))],
    ["deflate, X-GZIP", gzipSync(deflateSync(FILE))],
  ])("undoes what encodes, in order, and ignores what does not: %j", async (encoding, body) => {
    const origin = await startOrigin((_request, response) => {
      response.setHeader("content-encoding", encoding).end(body);
    });
    const { path, outcome } = await startDownload(origin.url, { retryCount: 0 });
    await outcome;
    expect(FILE.equals(await readFile(path))).toBe(true);
  });

  it.each([
    ["gzip", Buffer.from("no gzip at all"), "INPUT_DAMAGED"],
    ["gzip", gzipSync(FILE).subarray(0, 100_000), "INPUT_TRUNCATED"],
    ["br", Buffer.from("no brotli"), "INPUT_DAMAGED"],
    ["zstd", FILE, "INPUT_REFUSED"],
    ["gzip, zstd", gzipSync(FILE), "INPUT_REFUSED"],
    ["gzip, gzip", gzipSync(FILE), "INPUT_DAMAGED"],
    ["gzip,gzip,gzip,gzip,gzip", FILE, "INPUT_REFUSED"],
  ])("refuses a body of encoding %j that cannot be read", async (encoding, body, code) => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "content-encoding": encoding }).end(body);
    });
    const { path, outcome } = await startDownload(origin.url, { retryCount: 0 });
    await expect(outcome).rejects.toMatchObject({ code });
    await expectNothingLeft(path);
  });

  it("tells a full disk apart from a fault of the origin", async () => {
    const origin = await startOrigin(sendFile);
    const directory = await tempDir();
    // Every write to this device fails with ENOSPC.
    await symlink("/dev/full", join(directory, "input.part"));
    const { outcome } = await startDownload(origin.url, {}, directory);
    await expect(outcome).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(origin.requests).toHaveLength(1);
  });

  it("fetches inputs over one connection where downloads share an agent, and over another once it was closed", async () => {
    const sockets: unknown[] = [];
    const origin = await startOrigin(({ url, socket }, response) => {
      sockets.push(socket);
      response.end(FILE, () => (url === "/last" ? socket.end() : undefined));
    });
    const inputAgent = openInputAgent(createAddressGuard({ allow: ["127.0.0.1"] }));
    onTestFinished(() => inputAgent[Symbol.asyncDispose]());
    for (const path of ["/", "/last", "/"]) {
      const options = { agent: inputAgent.dispatcher };
      const { outcome } = await startDownload(`${origin.url}${path}`, options);
      expect(await outcome).toMatchObject({ sizeBytes: FILE.length });
    }
    expect(sockets[1]).toBe(sockets[0]);
    expect(sockets[2]).not.toBe(sockets[0]);
  });

  it("cuts a download that is canceled, in each of its phases", async () => {
    const reason = new Error("the task was canceled");
    const origin = await startOrigin((request, response) => {
      if (request.url === "/body") begin(response);
    });
    for (const phase of ["/headers", "/body"]) {
      const before = origin.requests.length;
      const { path, outcome, cancel, reports } = await startDownload(`${origin.url}${phase}`);
      await eventually(() => origin.requests.length > before);
      if (phase === "/body") await eventually(() => reports.length > 0);
      cancel.abort(reason);
      await expect(outcome).rejects.toBe(reason);
      await expectNothingLeft(path);
    }
  });

  it("cuts a download that is canceled while it looks up a name", async () => {
    let lookupCount = 0;
    const guard = createAddressGuard({ allow: [], lookup: () => lookupCount++ });
    const { outcome, cancel } = await startDownload("http://files.example/", { guard });
    await eventually(() => lookupCount === 1);
    cancel.abort(new Error("canceled"));
    await expect(outcome).rejects.toThrow("canceled");
  });

  it("asks once for a name that does not exist", async () => {
    let lookupCount = 0;
    const guard = createAddressGuard({
      allow: [],
      lookup: (host, _options, callback) => {
        lookupCount += 1;
        callback(Object.assign(new Error(host), { code: "ENOTFOUND" }), []);
      },
    });
    const { outcome } = await startDownload("http://nowhere.example/", { guard });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_UNREACHABLE", family: "passing" });
    expect(lookupCount).toBe(1);
  });

  it("does not begin once it is canceled", async () => {
    const origin = await startOrigin(sendFile);
    const started = await startDownload(origin.url);
    started.cancel.abort(new Error("canceled"));
    await expect(started.outcome).rejects.toThrow("canceled");
    expect(origin.requests.length).toBeLessThanOrEqual(1);
  });

  it("is canceled during the pause before a retry", async () => {
    const origin = await startOrigin(sendStatus(500));
    const { outcome, cancel } = await startDownload(origin.url, {
      retryDelayMs: 60_000,
      maxRetryDelayMs: 60_000,
    });
    await eventually(() => origin.requests.length === 1);
    cancel.abort(new Error("canceled"));
    await expect(outcome).rejects.toThrow("canceled");
  });
});
