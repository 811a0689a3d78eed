import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import {
  CreateTaskRequestSchema,
  CreateTaskResponseSchema,
} from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { openTestServer, type TestServer } from "../../support/test-server.js";

let server: TestServer;
let session: ClientHttp2Session;
beforeAll(async () => {
  server = await openTestServer();
  session = connect(server.url);
  return async () => {
    session.close();
    await server[Symbol.asyncDispose]();
  };
});

const MESSAGE = createRequest("https://example.com/in.png");

function createRequest(url: string): Buffer {
  return Buffer.from(toBinary(CreateTaskRequestSchema, create(CreateTaskRequestSchema, { url })));
}

/** A message with its prefix of flags and length. */
function envelope(message: Buffer, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Sends a body as it is, in as many frames as it has parts. */
async function send(parts: readonly Buffer[], headers: Readonly<Record<string, string>> = {}) {
  const stream = session.request({
    ":method": "POST",
    ":path": "/tmlsr.v1.TaskService/CreateTask",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const answered = once(stream, "response");
  const trailed = once(stream, "trailers");
  for (const part of parts) stream.write(part);
  stream.end();
  const [header] = (await answered) as [Readonly<Record<string, string>>];
  const body = await buffer(stream);
  const [trailer] = (await trailed) as [Readonly<Record<string, string>>];
  return { header, body, trailer };
}

function taskIdIn(body: Buffer): string {
  return fromBinary(CreateTaskResponseSchema, body.subarray(5)).taskId;
}

describe("a unary request over gRPC", () => {
  test("is answered with one message and the status behind it", async () => {
    const { header, body, trailer } = await send([envelope(MESSAGE)]);
    expect(header).toMatchObject({ ":status": 200, "content-type": "application/grpc+proto" });
    expect(body.readUInt32BE(1)).toBe(body.length - 5);
    expect(taskIdIn(body)).not.toBe("");
    expect(trailer).toMatchObject({ "grpc-status": "0" });
  });

  test("may come byte by byte", async () => {
    const bytes = [...envelope(MESSAGE)].map((byte) => Buffer.from([byte]));
    expect((await send(bytes)).trailer["grpc-status"]).toBe("0");
  });

  test("may be compressed, and says so of a short answer that is not", async () => {
    const { header, body } = await send([envelope(gzipSync(MESSAGE), 1)], {
      "grpc-encoding": "gzip",
      "grpc-accept-encoding": "gzip",
    });
    expect(header["grpc-encoding"]).toBe("gzip");
    expect(body.readUInt8(0)).toBe(0);
    expect(taskIdIn(body)).not.toBe("");
  });

  test.each([
    ["no message", [], "12"],
    ["two messages", [envelope(MESSAGE), envelope(MESSAGE)], "12"],
    ["a part of a message", [envelope(MESSAGE).subarray(0, -1)], "3"],
    ["a part of a prefix", [envelope(MESSAGE).subarray(0, 3)], "3"],
    ["what is no protobuf", [envelope(Buffer.from([255, 255]))], "13"],
    ["a compressed message without a name for it", [envelope(gzipSync(MESSAGE), 1)], "13"],
  ])("with %s is refused", async (_what, parts, status) => {
    const { header, body, trailer } = await send(parts);
    expect(header[":status"]).toBe(200);
    expect(body).toHaveLength(0);
    expect(trailer["grpc-status"]).toBe(status);
  });

  test("with an encoding that nobody knows is told those that are known", async () => {
    const { trailer } = await send([envelope(MESSAGE)], { "grpc-encoding": "br" });
    expect(trailer).toMatchObject({ "grpc-status": "12", "grpc-accept-encoding": "gzip" });
  });

  test("with a deadline that cannot be read is refused", async () => {
    const { trailer } = await send([envelope(MESSAGE)], { "grpc-timeout": "soon" });
    expect(trailer["grpc-status"]).toBe("3");
  });

  test("is refused as soon as its prefix says that it is too large", async () => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(2 ** 31, 1);
    expect((await send([prefix])).trailer["grpc-status"]).toBe("8");
  });

  test("whose client goes before it has come creates nothing", async () => {
    const before = server.tasks.created.length;
    const stream = session.request({
      ":method": "POST",
      ":path": "/tmlsr.v1.TaskService/CreateTask",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.write(envelope(MESSAGE).subarray(0, 9));
    stream.close(8);
    await eventually(() => stream.closed);
    expect((await send([envelope(MESSAGE)])).trailer["grpc-status"]).toBe("0");
    expect(server.tasks.created).toHaveLength(before + 1);
  });
});

test("a long answer over gRPC is compressed for who reads that", async () => {
  const long = envelope(createRequest(`https://example.com/${"in".repeat(500)}`));
  for (let count = 0; count < 30; count += 1) await send([long]);
  const { body } = await send([envelope(Buffer.alloc(0))], {
    ":path": "/tmlsr.v1.TaskService/ListTasks",
    "grpc-accept-encoding": "identity,gzip",
  });
  expect(body.readUInt8(0)).toBe(1);
  expect(gunzipSync(body.subarray(5)).length).toBeGreaterThan(16 * 1024);
});
