import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "vitest";
import { createConnectClients, errorCodeOf } from "../../../src/client/client.js";
import { eventually } from "../../support/eventually.js";
import { aPicture } from "../../support/pictures.js";
import { rawClient } from "../../support/raw-client.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";
import { postUpload, TAKEN, uploadFiles } from "../../support/uploads.js";
import { expectProblem, useTestApp } from "../../support/use-test-app.js";

const MIB = 1024 * 1024;
const api = useTestApp({ env: { TMLSR_UPLOAD_MAX_MB: "1" } });
let picture: Buffer;
beforeAll(async () => {
  picture = await aPicture();
});

/** What is kept under an upload's URL. */
async function kept(url: string): Promise<Buffer> {
  return await readFile(join(api.app.dataDir, "uploads", decodeURIComponent(url.slice(9))));
}

/** Checks that whatever `run` does leaves nothing on the disk. */
async function leavesNothing(run: () => Promise<void>, { dataDir } = api.app): Promise<void> {
  const before = await uploadFiles(dataDir);
  await run();
  await eventually(async () => {
    expect(await uploadFiles(dataDir)).toEqual(before);
  });
}

/** The bytes of a form as clients send it. */
async function formOf(...parts: [field: string, content: Buffer | string, name?: string][]) {
  const form = new FormData();
  for (const [field, content, name] of parts)
    if (typeof content === "string") form.append(field, content);
    else form.append(field, new Blob([Uint8Array.from(content)]), name);
  const response = new Response(form);
  const type = { "content-type": response.headers.get("content-type") ?? "" };
  return { body: Buffer.from(await response.arrayBuffer()), headers: type };
}

describe("POST /uploads takes", () => {
  test("a file as it is, and answers the URL for tasks", async () => {
    const { status, headers, body } = await postUpload(api.app.url, picture);
    expect([status, headers["content-type"]]).toEqual([201, "application/json; charset=utf-8"]);
    expect(body).toEqual({
      url: expect.stringMatching(TAKEN.url),
      size_bytes: picture.length,
      media_type: "image/png",
      expires_at: expect.stringMatching(TAKEN.time),
    });
    expect(Date.parse(body.expires_at) - Date.now()).toBeGreaterThan(86_000_000);
    expect(picture.equals(await kept(body.url))).toBe(true);
  });

  test.each([
    ["?name=holiday.jpg", {}, "holiday.png"],
    ["/?name=%E7%85%A7%20%E7%89%87.png", {}, "%E7%85%A7%20%E7%89%87.png"],
    ["", { "content-disposition": 'attachment; filename="a b.gif"' }, "a%20b.png"],
    [
      "?name=",
      { "content-disposition": "attachment; filename*=utf-8''%E7%85%A7.png" },
      "%E7%85%A7.png",
    ],
    ["?name=..%2F..%2Fetc%2Fpasswd", {}, "passwd.png"],
    ["?name=..%5C..%5Cwin.ini", {}, "win.ini.png"],
    ["?name=.hidden", {}, "hidden.png"],
    ["?name=%00%2E%2E", {}, "upload.png"],
    ["?name=a&name=b", {}, "upload.png"],
    ["", { "content-type": "a broken type" }, "upload.png"],
  ])("a name (%s %o) as %s", async (query, headers, name) => {
    const { status, body } = await postUpload(api.app.url, picture, headers, query);
    expect([status, body.url?.split("/")[3]]).toEqual([201, name]);
    expect(picture.equals(await kept(body.url))).toBe(true);
  });

  test("the same file twice under two URLs", async () => {
    const [first, second] = await Promise.all([1, 2].map(() => postUpload(api.app.url, picture)));
    expect(first?.body.url).not.toBe(second?.body.url);
  });

  test("a form with one file, whatever else is in it", async () => {
    const { body, headers } = await formOf(["a", "1"], ["photo", picture, "照片.png"], ["b", "2"]);
    const answer = await postUpload(api.app.url, body, headers);
    expect(answer.status).toBe(201);
    expect(answer.body.url).toMatch(/\/%E7%85%A7%E7%89%87\.png$/);
    expect(picture.equals(await kept(answer.body.url))).toBe(true);
  });

  test("a file over HTTP/2", async () => {
    const session = connect(api.app.url);
    const stream = session.request({ ":method": "POST", ":path": "/uploads?name=h2.png" });
    stream.write(picture.subarray(0, 100));
    stream.end(picture.subarray(100));
    const [headers] = await once(stream, "response");
    const body = JSON.parse(await text(stream));
    session.close();
    expect(headers[":status"]).toBe(201);
    expect(picture.equals(await kept(body.url))).toBe(true);
  });

  test("a file whose client first asks whether to send it", async () => {
    const { port } = new URL(api.app.url);
    const headers = { expect: "100-continue", "content-length": picture.length };
    const call = request({ port, path: "/uploads", method: "POST", headers });
    call.flushHeaders();
    await once(call, "continue");
    call.end(picture);
    const [response] = await once(call, "response");
    expect(response.statusCode).toBe(201);
    await text(response);
  });
});

describe("POST /uploads refuses", () => {
  const LARGE = Buffer.alloc(MIB + 1, 1);

  test.each([
    ["an empty file", Buffer.alloc(0), 400, "INVALID_REQUEST", /it is empty$/],
    ["text", Buffer.from("hello"), 415, "INPUT_TYPE_UNSUPPORTED", /it is text; supported are/],
    ["a web page", Buffer.from("<!doctype html>"), 415, "INPUT_TYPE_UNSUPPORTED", /web page/],
    [
      "a large file",
      LARGE,
      413,
      "INPUT_TOO_LARGE",
      /1048577 bytes, more than the limit of 1048576/,
    ],
  ])("%s, and keeps nothing", async (_what, body, status, code, detail) => {
    await leavesNothing(async () => {
      const answer = await postUpload(api.app.url, body);
      expectProblem(answer, { status, code, detail: expect.stringMatching(detail) });
    });
  });

  test.each([
    [
      "two files",
      [
        ["a", Buffer.from("1"), "a"],
        ["b", LARGE.subarray(99), "b"],
      ],
      /more than one file/,
    ],
    ["no file", [["a", "text"]], /it has no file$/],
  ] as const)("a form with %s", async (_what, parts, detail) => {
    await leavesNothing(async () => {
      const { body, headers } = await formOf(...(parts as unknown as Parameters<typeof formOf>));
      const answer = await postUpload(api.app.url, body, headers);
      expectProblem(answer, {
        ...{ status: 400, code: "INVALID_REQUEST", detail: expect.stringMatching(detail) },
      });
    });
  });

  test.each([
    ["multipart/form-data", "its Content-Type names no boundary"],
    ["multipart/form-data; boundary=x", "unexpected end of form"],
  ])("what calls itself %s and is none", async (type, reason) => {
    const answer = await postUpload(api.app.url, picture, { "content-type": type });
    expectProblem(answer, {
      ...{ status: 400, code: "INVALID_REQUEST" },
      detail: expect.stringMatching(new RegExp(`^Cannot read the form: .*${reason}`)),
    });
  });

  test("a file that is cut off within its form", async () => {
    await leavesNothing(async () => {
      const { body, headers } = await formOf(["photo", picture, "a.png"]);
      const answer = await postUpload(api.app.url, body.subarray(0, 300), headers);
      expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    });
  });

  test("a large file of unknown length once the limit is passed, and the connection goes on", async () => {
    const client = await rawClient(Number(new URL(api.app.url).port));
    client.socket.write(
      "POST /uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    await leavesNothing(async () => {
      for (let sent = 0; sent < 4; sent += 1) {
        client.socket.write(`${MIB.toString(16)}\r\n`);
        client.socket.write(Buffer.alloc(MIB, 1));
        client.socket.write("\r\n");
      }
      await client.sees("HTTP/1.1 413 Payload Too Large");
      client.socket.write("0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await client.sees("HTTP/1.1 200 OK");
    });
  });

  test("a file that is said to be too large before any of it has come", async () => {
    const client = await rawClient(Number(new URL(api.app.url).port));
    client.socket.write(
      "POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
    );
    await client.sees('"code":"INPUT_TOO_LARGE"');
  });

  test("what a page of another origin sends", async () => {
    const foreign = await postUpload(api.app.url, picture, { origin: "https://evil.example" });
    expectProblem(foreign, { status: 403, code: "PERMISSION_DENIED" });
    const own = await postUpload(api.app.url, picture, { origin: api.app.url });
    expect(own.status).toBe(201);
  });

  test("other methods", async () => {
    const answer = await api.get("/uploads");
    expectProblem(answer, { status: 405, code: "METHOD_NOT_ALLOWED" });
    expect(answer.headers["allow"]).toBe("POST");
  });
});

describe("UploadService.Upload", () => {
  test("takes a file by its path, over grpc-js", async () => {
    const path = join(await tempDir(), "by path.png");
    await writeFile(path, picture);
    const answer = await api.app.grpc.upload(path);
    expect(answer).toMatchObject({ sizeBytes: BigInt(picture.length), mediaType: "image/png" });
    expect(answer.url).toMatch(/\/by%20path\.png$/);
    expect(Number(answer.expiresAt?.seconds) * 1000).toBeGreaterThan(Date.now());
    expect(picture.equals(await kept(answer.url))).toBe(true);
  });

  test.each(["grpc", "grpc-web", "connect"] as const)(
    "takes a stream over %s",
    async (protocol) => {
      using clients = createConnectClients(api.app.url, { protocol });
      const { url } = await clients.upload(piecesOf(picture), { fileName: "stream.png" });
      expect(url).toMatch(/\/stream\.png$/);
      expect(picture.equals(await kept(url))).toBe(true);
    },
  );

  test("refuses what is empty, no picture or too large, and reads no further", async () => {
    await leavesNothing(async () => {
      using connectClients = createConnectClients(api.app.url);
      for (const clients of [api.app.grpc, connectClients]) {
        const codeFor = async (pieces: AsyncIterable<Uint8Array>) =>
          errorCodeOf(await clients.upload(pieces).catch((error: unknown) => error));
        expect(await codeFor(piecesOf(Buffer.alloc(0)))).toBe("INVALID_REQUEST");
        expect(await codeFor(piecesOf(Buffer.from("hello")))).toBe("INPUT_TYPE_UNSUPPORTED");
        expect(await codeFor(endless())).toBe("INPUT_TOO_LARGE");
      }
    });
  });

  test("refuses a message that is larger than a message may be", async () => {
    async function* requests() {
      yield { chunk: new Uint8Array(MIB + 1) };
    }
    const error = await api.app.grpc.uploads.upload(requests()).catch((thrown: unknown) => thrown);
    expect(errorCodeOf(error)).toBe("RESOURCE_EXHAUSTED");
  });

  test("hands on what the client's own source throws", async () => {
    await leavesNothing(async () => {
      const reason = new Error("the disk of the client failed");
      async function* broken() {
        yield picture;
        throw reason;
      }
      await expect(api.app.grpc.upload(broken())).rejects.toBe(reason);
    });
  });
});

describe("an upload whose client", () => {
  const HEAD = "POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
  const received = async () =>
    (await uploadFiles(api.app.dataDir)).some((path) => path.includes(join("work", "uploads")));

  test("goes in the midst leaves nothing, over HTTP/1.1", async () => {
    await leavesNothing(async () => {
      const client = await rawClient(Number(new URL(api.app.url).port));
      client.socket.write(HEAD);
      client.socket.write(picture);
      await eventually(received);
      client.socket.destroy();
    });
  });

  test("goes in the midst leaves nothing, over HTTP/2", async () => {
    await leavesNothing(async () => {
      const session = connect(api.app.url);
      session.on("error", () => undefined);
      const stream = session.request({ ":method": "POST", ":path": "/uploads" });
      stream.on("error", () => undefined);
      stream.write(picture);
      await eventually(received);
      session.destroy();
    });
  });

  test("cancels the call leaves nothing, with either client", async () => {
    using connectClients = createConnectClients(api.app.url);
    for (const clients of [api.app.grpc, connectClients])
      await leavesNothing(async () => {
        const { signal, abort } = abortable();
        const call = clients.upload(thenNothing(picture), { signal });
        await eventually(received);
        abort();
        await expect(call).rejects.toThrow();
      });
  });

  test("stalls is answered 408 and leaves nothing", async () => {
    await using app = await startTestApp({ env: { TMLSR_UPLOAD_IDLE_SECONDS: "1" } });
    await leavesNothing(async () => {
      const client = await rawClient(Number(new URL(app.url).port));
      client.socket.write(HEAD);
      client.socket.write(picture);
      const call = app.grpc.upload(thenNothing(picture)).catch((error: unknown) => error);
      expect(await client.closed()).toMatch(/^HTTP\/1\.1 408 .*"code":"INPUT_TIMEOUT"/s);
      expect(errorCodeOf(await call)).toBe("INPUT_TIMEOUT");
    }, app);
  });
});

test("no upload can be fetched below /outputs", async () => {
  const { body } = await postUpload(api.app.url, picture);
  const path = body.url.slice("upload://".length);
  for (const each of [
    `/uploads/${path}`,
    `/outputs/${path}`,
    `/outputs/../uploads/${path}`,
    `/outputs/..%2fuploads/${path}`,
    `/outputs/x/..%2f..%2fuploads%2f${path.replace("/", "%2f")}`,
  ])
    expect([each, (await api.get(each)).status]).toEqual([each, 404]);
});

async function* piecesOf(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100) yield content.subarray(at, at + 100);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(300_000);
}

async function* thenNothing(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
  await new Promise(() => undefined);
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
