import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { startDownload } from "../../support/download.js";
import { eventually } from "../../support/eventually.js";
import { type HttpOrigin, startOrigin } from "../../support/http-origin.js";

const FILE = randomBytes(400_000);
const CHANGED = randomBytes(400_000);
const HALF = 200_000;
const ETAG = '"v1"';
const DATE = "Mon, 24 Nov 2025 10:00:00 GMT";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Sends half a file with these headers, cuts the connection, then goes on with `next`. */
function cutThen(headers: Record<string, string>, next: Answer): Promise<HttpOrigin> {
  let isFirst = true;
  return startOrigin((request, response) => {
    if (!isFirst) {
      next(request, response);
      return;
    }
    isFirst = false;
    response.writeHead(200, { "content-length": FILE.length, ...headers });
    response.write(FILE.subarray(0, HALF), () => setImmediate(() => response.destroy()));
  });
}

/** The first byte that a request asks for; 0 for all. */
function firstAsked(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
}

const sendRest =
  (headers: Record<string, string>): Answer =>
  (request, response) => {
    const first = firstAsked(request);
    const range = `bytes ${first}-${FILE.length - 1}/${FILE.length}`;
    response.writeHead(206, { "content-range": range, ...headers }).end(FILE.subarray(first));
  };

async function expectFile(path: string, content: Buffer): Promise<void> {
  expect(content.equals(await readFile(path))).toBe(true);
}

describe("downloadInput() after a cut", () => {
  it.each([
    ["a strong ETag", { etag: ETAG }, ETAG],
    ["a date", { "last-modified": DATE }, DATE],
    ["a date beside a weak ETag", { etag: 'W/"v1"', "last-modified": DATE }, DATE],
  ])("goes on where it was, by %s", async (_what, headers, ifRange) => {
    const origin = await cutThen(headers, sendRest(headers));
    const { path, outcome, reports } = await startDownload(origin.url);
    await expect(outcome).resolves.toEqual({ sizeBytes: FILE.length });
    await expectFile(path, FILE);
    const [, second] = origin.requests;
    expect(second?.headers).toMatchObject({ "if-range": ifRange });
    expect(second?.headers["range"]).toMatch(/^bytes=[1-9]\d*-$/);
    const bytes = reports.map(([receivedBytes]) => receivedBytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
  });

  it("asks for all again where the origin gives nothing to tell versions apart by", async () => {
    const origin = await cutThen({ etag: 'W/"v1"' }, (_request, response) => response.end(FILE));
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, FILE);
    expect(origin.requests[1]?.headers).not.toHaveProperty("range");
  });

  it.each([
    ["ignores the range", FILE],
    ["has another version by now", CHANGED],
  ])("begins again where the origin %s", async (_what, content) => {
    const origin = await cutThen({ etag: ETAG }, (_request, response) => response.end(content));
    const { path, outcome } = await startDownload(origin.url);
    await expect(outcome).resolves.toEqual({ sizeBytes: content.length });
    await expectFile(path, content);
  });

  it.each<[string, number, Record<string, string>]>([
    ["begins elsewhere", 206, { "content-range": `bytes 100-399999/${FILE.length}` }],
    ["has no Content-Range", 206, {}],
    ["names several ranges", 206, { "content-type": "multipart/byteranges; boundary=x" }],
    ["says that the range does not exist", 416, { "content-range": "bytes */100" }],
  ])("does not put together what does not fit: the answer %s", async (_what, status, headers) => {
    const origin = await cutThen({ etag: ETAG }, (request, response) => {
      if (request.headers.range === undefined) response.end(FILE);
      else response.writeHead(status, headers).end(CHANGED);
    });
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, FILE);
    expect(origin.requests).toHaveLength(3);
    expect(origin.requests[2]?.headers).not.toHaveProperty("range");
  });

  it.each<[string, Record<string, string>, number]>([
    ["another ETag", { etag: '"v2"' }, FILE.length],
    ["another size", { etag: ETAG }, FILE.length + 1],
  ])("does not put together two versions, told apart by %s", async (_what, headers, totalBytes) => {
    const origin = await cutThen({ etag: ETAG }, (request, response) => {
      const first = firstAsked(request);
      if (first === 0) {
        response.end(CHANGED);
        return;
      }
      const range = `bytes ${first}-${totalBytes - 1}/${totalBytes}`;
      response.writeHead(206, { "content-range": range, ...headers }).end(CHANGED.subarray(first));
    });
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, CHANGED);
  });

  it.each([
    ["never says where the file ends", "*", 3],
    ["says only later where the file ends", String(FILE.length), 4],
  ])("takes no part for the whole where the origin %s", async (_what, total, requestCount) => {
    const origin = await startOrigin((request, response) => {
      const first = firstAsked(request);
      if (origin.requests.length === 1) {
        response.writeHead(200, { etag: ETAG });
        response.write(FILE.subarray(0, HALF), () => setImmediate(() => response.destroy()));
      } else if (first === 0) response.end(FILE);
      else {
        const last = Math.min(first + 99_999, FILE.length - 1);
        response.writeHead(206, { etag: ETAG, "content-range": `bytes ${first}-${last}/${total}` });
        response.end(FILE.subarray(first, last + 1));
      }
    });
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, FILE);
    expect(origin.requests.length).toBeLessThanOrEqual(requestCount);
  });

  it("keeps what it has through an answer of 503", async () => {
    let isBusy = true;
    const origin = await cutThen({ etag: ETAG }, (request, response) => {
      if (isBusy) response.writeHead(503).end();
      else sendRest({ etag: ETAG })(request, response);
      isBusy = false;
    });
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, FILE);
    expect(origin.requests[2]?.headers).toHaveProperty("range");
  });

  it("asks again for the rest where the origin sends less than it was asked for", async () => {
    const origin = await cutThen({ etag: ETAG }, (request, response) => {
      const first = firstAsked(request);
      const last = Math.min(first + 99_999, FILE.length - 1);
      const range = `bytes ${first}-${last}/${FILE.length}`;
      response.writeHead(206, { etag: ETAG, "content-range": range });
      response.end(FILE.subarray(first, last + 1));
    });
    const { path, outcome } = await startDownload(origin.url);
    await outcome;
    await expectFile(path, FILE);
  });

  it("measures the whole against the limit, not the rest", async () => {
    const origin = await startOrigin((request, response) => {
      const first = firstAsked(request);
      if (first === 0) {
        response.writeHead(200, { etag: ETAG });
        response.write(FILE.subarray(0, HALF), () => setImmediate(() => response.destroy()));
      } else sendRest({ etag: ETAG })(request, response);
    });
    const { outcome } = await startDownload(origin.url, { maxBytes: FILE.length - 1 });
    await expect(outcome).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  });

  it.each([
    ["keep-alive", (socket: Socket) => socket.end()],
    ["close", (socket: Socket) => socket.end()],
    ["keep-alive", (socket: Socket) => socket.resetAndDestroy()],
  ])(
    "says after few requests where the origin always ends early, with Connection: %s, %#",
    async (connection, cut) => {
      let requestCount = 0;
      let path = "";
      const hasArrived = async (sizeBytes: number) =>
        await eventually(async () => (await stat(`${path}.part`)).size === sizeBytes);
      const answer = async (socket: Socket) => {
        requestCount += 1;
        const headers = `Connection: ${connection}\r\nContent-Length: ${FILE.length}\r\n`;
        socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n`);
        await hasArrived(0);
        socket.write(FILE.subarray(0, 1000));
        await hasArrived(1000);
        cut(socket);
      };
      const port = await listenRaw((socket) => void answer(socket));
      const started = await startDownload(`http://127.0.0.1:${port}/film.mp4`);
      path = started.path;
      await expect(started.outcome).rejects.toMatchObject({
        code: "INPUT_TRUNCATED",
        family: "task",
        message: expect.stringMatching(
          `stopped after 1000 of ${FILE.length} bytes, as often before$`,
        ),
      });
      expect(requestCount).toBe(3);
    },
  );

  it("goes on where an origin that announced the end of the connection ended early", async () => {
    const port = await listenRaw((socket, request) => {
      const first = Number(/range: bytes=(\d+)-/i.exec(request)?.[1] ?? 0);
      const status = first > 0 ? "206 Partial Content" : "200 OK";
      const range = `Content-Range: bytes ${first}-${FILE.length - 1}/${FILE.length}\r\n`;
      const length = `Content-Length: ${FILE.length - first}\r\n`;
      const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nETag: ${ETAG}\r\n`;
      socket.write(`${head}${first > 0 ? range : ""}${length}\r\n`);
      socket.end(FILE.subarray(first, first + 150_000));
    });
    const { path, outcome } = await startDownload(`http://127.0.0.1:${port}/film.mp4`);
    await outcome;
    await expectFile(path, FILE);
  });
});

/** Answers each request by hand, since a server of Node.js keeps to its Content-Length. @returns the port. */
async function listenRaw(answer: (socket: Socket, request: string) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data) => answer(socket, data.toString("latin1")));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
