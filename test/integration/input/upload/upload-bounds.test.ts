import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { errorCodeOf } from "../../../../src/client/client.js";
import { startCpuServer } from "../../../support/cpu-server.js";
import { eventually } from "../../../support/eventually.js";
import { aPicture } from "../../../support/pictures.js";
import { type RawClient, rawClient } from "../../../support/raw-client.js";
import { startTestApp, type TestApp } from "../../../support/test-app.js";
import { postUpload } from "../../../support/uploads.js";
import { expectProblem } from "../../../support/use-test-app.js";

const MIB = 1024 * 1024;

/** Begins an upload and sends some of it. */
async function beginUpload(app: TestApp, sizeBytes: number, sent: Buffer): Promise<RawClient> {
  const client = await rawClient(app.app.api.port);
  const head = `POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sizeBytes}\r\n\r\n`;
  client.socket.write(head);
  client.socket.write(sent);
  await eventually(async () => (await readdir(join(app.dataDir, "work", "uploads"))).length > 0);
  return client;
}

test("uploads above TMLSR_UPLOAD_MAX_COUNT are refused until others have ended", async () => {
  await using app = await startTestApp({ env: { TMLSR_UPLOAD_MAX_COUNT: "1" } });
  const picture = await aPicture();
  const first = await beginUpload(app, picture.length, picture.subarray(0, 100));
  const answer = await postUpload(app.url, picture);
  expectProblem(answer, {
    status: 429,
    code: "TOO_MANY_UPLOADS",
    detail: expect.stringContaining("TMLSR_UPLOAD_MAX_COUNT"),
  });
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  const error = await app.grpc.upload(Readable.from([picture])).catch((thrown: unknown) => thrown);
  expect(errorCodeOf(error)).toBe("TOO_MANY_UPLOADS");
  first.socket.write(picture.subarray(100));
  await first.sees("HTTP/1.1 201");
  expect((await postUpload(app.url, picture)).status).toBe(201);
});

test("uploads above TMLSR_UPLOAD_UNFINISHED_MB are refused until others have gone", async () => {
  const env = { TMLSR_UPLOAD_MAX_MB: "1", TMLSR_UPLOAD_UNFINISHED_MB: "1" };
  await using app = await startTestApp({ env });
  const picture = await aPicture();
  const first = await beginUpload(app, MIB - 100, picture.subarray(0, 100));
  expectProblem(await postUpload(app.url, picture), {
    status: 429,
    code: "TOO_MANY_UPLOADS",
    detail: expect.stringContaining("TMLSR_UPLOAD_UNFINISHED_MB"),
  });
  first.socket.destroy();
  await eventually(async () => (await postUpload(app.url, picture)).status === 201);
});

test("an upload that has not ended takes no room of the tasks' work directories", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_WORK_MAX_MB: "1" },
  });
  const { body } = await postUpload(app.url, await aPicture());
  const large = Buffer.alloc(3 * MIB);
  const unfinished = await beginUpload(app, large.length + 1, large);
  const task = { url: body.url, type: "image", workflow: "cpu_image_2x" };
  expect(await app.ended(await app.submit(task))).toMatchObject({ status: "completed" });
  unfinished.socket.destroy();
});
