import { copyFile, truncate, utimes, writeFile } from "node:fs/promises";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/task.js";
import type { ObjectStorage, StoredFile } from "../../src/storage/object-storage.js";
import { eventually } from "../support/eventually.js";
import type { OssServer } from "../support/oss-server.js";
import type { OssFaultEffect, OssOperation } from "../support/oss-server-faults.js";
import {
  calm,
  md5,
  openOss,
  PART_BYTES,
  randomFile,
  startOss,
} from "../support/oss-server-fixture.js";

const KEY = "outputs/0123456789abcdef/result.png";
const UNAVAILABLE: OssFaultEffect = { kind: "answer", statusCode: 503, code: "ServiceUnavailable" };
const BROKEN: OssFaultEffect = { kind: "answer", statusCode: 500, code: "InternalError" };
const RESET: OssFaultEffect = { kind: "reset", afterBytes: 1 };
const STALL: OssFaultEffect = { kind: "stall", afterBytes: 1 };
/** Short where something stalls; a busy machine may take a healthy request for a stalled one then. */
const idleFor = (effect: OssFaultEffect) => (effect.kind === "stall" ? { idleMs: 500 } : {});

/** Puts, and keeps the checkpoint as a task would. */
async function putTask(
  storage: ObjectStorage,
  file: StoredFile,
  task: { checkpoint?: Json } = {},
  signal = calm(),
) {
  await storage.put(file, {
    signal,
    ...(task.checkpoint !== undefined && { checkpoint: task.checkpoint }),
    saveCheckpoint: async (checkpoint) => {
      task.checkpoint = checkpoint;
    },
  });
}

async function expectStored(server: OssServer, file: { readonly md5: string }): Promise<void> {
  expect(md5(await server.read(KEY))).toBe(file.md5);
  expect(server.uploads.size).toBe(0);
}

describe("OssStorage.put(), faults that pass", () => {
  const passing: [string, OssFaultEffect][] = [
    ["503", UNAVAILABLE],
    ["500", BROKEN],
    ["a reset in mid-body", RESET],
    ["a stall in mid-body", STALL],
    ["a lost reply", { kind: "lost-reply" }],
    ["bytes that changed on the way", { kind: "corrupt" }],
    ["429", { kind: "answer", statusCode: 429, code: "TooManyRequests" }],
    ["400 RequestTimeout", { kind: "answer", statusCode: 400, code: "RequestTimeout" }],
  ];

  test.each(passing)("%s of one part: that part alone is sent again", async (_, effect) => {
    const server = await startOss();
    server.inject({ operation: "UploadPart", partNumber: 2, effect });
    const file = await randomFile(4 * PART_BYTES);
    await putTask(openOss(server, {}, idleFor(effect)), file);
    await expectStored(server, file);
    const sent = server.seen("UploadPart").map(({ partNumber }) => partNumber);
    if (effect.kind !== "stall") expect(sent.sort()).toEqual([1, 2, 2, 3, 4]);
  });

  test.each(passing)("%s of a small file: it is sent again", async (_, effect) => {
    const server = await startOss();
    server.inject({ operation: "PutObject", effect });
    const file = await randomFile(50_000);
    await putTask(openOss(server, {}, idleFor(effect)), file);
    await expectStored(server, file);
    if (effect.kind !== "stall") expect(server.seen("PutObject")).toHaveLength(2);
  });

  test.each<OssOperation>(["InitiateMultipartUpload", "CompleteMultipartUpload"])(
    "503 of %s: it is called again",
    async (operation) => {
      const server = await startOss();
      server.inject({ operation, effect: UNAVAILABLE, times: 2 });
      const file = await randomFile(2 * PART_BYTES);
      await putTask(openOss(server), file);
      await expectStored(server, file);
      expect(server.seen(operation)).toHaveLength(3);
    },
  );

  test("200 with an error in the body of the begin: it is called again", async () => {
    const server = await startOss();
    const effect: OssFaultEffect = { kind: "error-body", code: "InternalError" };
    server.inject({ operation: "InitiateMultipartUpload", effect });
    const file = await randomFile(2 * PART_BYTES);
    await putTask(openOss(server), file);
    await expectStored(server, file);
  });

  test("down for a while: it goes on when the storage is back", async () => {
    const server = await startOss();
    server.inject({ operation: "UploadPart", effect: STALL, skip: 3, times: 3 });
    const file = await randomFile(8 * PART_BYTES);
    const limits = { partSizeBytes: PART_BYTES, retry: { tries: 1000, baseMs: 5, capMs: 20 } };
    const log: string[] = [];
    const logger = pino({}, { write: (line: string) => log.push(line) });
    const put = putTask(openOss(server, {}, { limits, logger }), file);
    await eventually(() => server.seen("UploadPart").length === 6);
    await server.goDown();
    await eventually(() => log.some((line) => line.includes("ECONNREFUSED")));
    await server.comeBack();
    await put;
    await expectStored(server, file);
    expect(server.storedParts()).toHaveLength(8);
  });

  test("down for long: UPLOAD_FAILED, and the next put sends only what is missing", async () => {
    const server = await startOss();
    server.inject({ operation: "UploadPart", effect: UNAVAILABLE, skip: 4, times: 1000 });
    const file = await randomFile(8 * PART_BYTES);
    const task: { checkpoint?: Json } = {};
    await expect(putTask(openOss(server), file, task)).rejects.toMatchObject({
      code: "UPLOAD_FAILED",
      message: expect.stringContaining("OSS answered 503 ServiceUnavailable (request "),
    });
    server.clearFaults();
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
    expect([...server.storedParts()].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("stalled for good: UPLOAD_FAILED that says so", async () => {
    const server = await startOss();
    server.inject({ operation: "PutObject", effect: STALL, times: 1000 });
    const limits = { partSizeBytes: PART_BYTES, retry: { tries: 2, baseMs: 5, capMs: 20 } };
    const put = putTask(openOss(server, {}, { limits, idleMs: 100 }), await randomFile(50_000));
    await expect(put).rejects.toMatchObject({
      code: "UPLOAD_FAILED",
      message: `Cannot store "${KEY}": no byte moved for 0.1 s`,
    });
  });
});

describe("OssStorage.put(), faults that do not pass", () => {
  test.each<[string, OssFaultEffect]>([
    ["403", { kind: "answer", statusCode: 403, code: "AccessDenied" }],
    ["400", { kind: "answer", statusCode: 400, code: "InvalidArgument" }],
    ["501", { kind: "answer", statusCode: 501, code: "NotImplemented" }],
  ])("%s: STORAGE_REFUSED after one try, and the parts are kept for later", async (_, effect) => {
    const server = await startOss();
    server.inject({ operation: "UploadPart", partNumber: 5, effect, times: 1000 });
    const file = await randomFile(6 * PART_BYTES);
    const task: { checkpoint?: Json } = {};
    await expect(putTask(openOss(server), file, task)).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
    });
    expect(server.seen("UploadPart").filter(({ partNumber }) => partNumber === 5)).toHaveLength(1);
    server.clearFaults();
    const before = server.storedParts();
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
    expect(
      server
        .storedParts()
        .slice(before.length)
        .some((part) => before.includes(part)),
    ).toBe(false);
  });
});

describe("OssStorage.put(), the end of an upload in parts", () => {
  test("a lost reply to complete is made good by looking", async () => {
    const server = await startOss();
    server.inject({ operation: "CompleteMultipartUpload", effect: { kind: "lost-reply" } });
    const file = await randomFile(3 * PART_BYTES);
    await putTask(openOss(server), file);
    await expectStored(server, file);
    expect(server.storedParts()).toHaveLength(3);
    expect(server.seen("HeadObject")).toHaveLength(1);
  });

  test("a process that died before it heard of the end sends nothing again", async () => {
    const server = await startOss();
    const file = await randomFile(3 * PART_BYTES);
    const task: { checkpoint?: Json } = {};
    await putTask(openOss(server), file, task);
    await putTask(openOss(server), file, task);
    expect(server.storedParts()).toHaveLength(3);
  });

  test("where the account may not look, a lost reply costs another upload and nothing else", async () => {
    const server = await startOss({ denied: ["oss:GetObject"] });
    server.inject({ operation: "CompleteMultipartUpload", effect: { kind: "lost-reply" } });
    const file = await randomFile(3 * PART_BYTES);
    const task: { checkpoint?: Json } = {};
    await expect(putTask(openOss(server), file, task)).rejects.toMatchObject({
      code: "UPLOAD_FAILED",
    });
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
  });

  test("200 with an error in the body is a failure that passes", async () => {
    const server = await startOss();
    const effect: OssFaultEffect = { kind: "error-body", code: "InternalError" };
    server.inject({ operation: "CompleteMultipartUpload", effect });
    const file = await randomFile(3 * PART_BYTES);
    await putTask(openOss(server), file);
    await expectStored(server, file);
    expect(server.seen("CompleteMultipartUpload")).toHaveLength(2);
  });

  test("200 with an error in the body for good: not taken for success", async () => {
    const server = await startOss();
    const effect: OssFaultEffect = { kind: "error-body", code: "InternalError" };
    server.inject({ operation: "CompleteMultipartUpload", effect, times: 1000 });
    const put = putTask(openOss(server), await randomFile(3 * PART_BYTES));
    await expect(put).rejects.toMatchObject({ code: "UPLOAD_FAILED" });
    expect(server.objects.size).toBe(0);
  });
});

describe("OssStorage.put(), checkpoints", () => {
  /** Leaves an upload with three of six parts. */
  async function interrupted(server: OssServer, file: StoredFile): Promise<{ checkpoint?: Json }> {
    const task: { checkpoint?: Json } = {};
    server.inject({ operation: "UploadPart", effect: BROKEN, skip: 3, times: 1000 });
    await expect(putTask(openOss(server), file, task)).rejects.toThrow();
    server.clearFaults();
    return task;
  }

  test("parts that are listed in several answers are all kept", async () => {
    const server = await startOss({ listedPartCount: 2 });
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
    expect(server.seen("ListParts")).toHaveLength(2);
    expect(server.storedParts()).toHaveLength(6);
  });

  test("an upload that is gone meanwhile begins anew", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    server.dropUploads();
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
  });

  test("a file that came again with the same bytes goes on", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    const path = `${file.path}-again`;
    await copyFile(file.path, path);
    await putTask(openOss(server), { ...file, path }, task);
    await expectStored(server, file);
    expect(server.storedParts()).toHaveLength(6);
  });

  test.each([6, 4, 8])("another file, of %i parts, is sent whole", async (partCount) => {
    const server = await startOss();
    const task = await interrupted(server, await randomFile(6 * PART_BYTES));
    const file = await randomFile(partCount * PART_BYTES);
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
    expect(server.storedParts()).toHaveLength(3 + partCount);
  });

  test("an older object under the key is not taken for the one whose upload is gone", async () => {
    const server = await startOss();
    await putTask(openOss(server), await randomFile(6 * PART_BYTES));
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    server.dropUploads();
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
  });

  test("a part that OSS has otherwise than the file is sent again", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    const [upload] = server.uploads.values();
    const kept = [...(upload?.parts ?? [])];
    const [number, piece] = kept[0] ?? [];
    upload?.parts.set(number ?? 0, { ...piece!, etag: "0".repeat(32) });
    await putTask(openOss(server), file, task);
    await expectStored(server, file);
    expect(server.storedParts()).toHaveLength(3 + 4);
  });

  test.each<[string, Json]>([
    ["of another key", { key: "outputs/1/other.png", uploadId: "A", partSizeBytes: 1 }],
    ["of another storage", ["local"]],
    ["that is damaged", { key: KEY, uploadId: 7, partSizeBytes: -1 }],
  ])("one %s is as good as none", async (_, checkpoint) => {
    const server = await startOss();
    const file = await randomFile(3 * PART_BYTES);
    await putTask(openOss(server), file, { checkpoint });
    await expectStored(server, file);
    expect(server.seen("AbortMultipartUpload")).toEqual([]);
  });

  test("a put that is not told of the checkpoint leaves the former upload open", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const { checkpoint } = await interrupted(server, file);
    await putTask(openOss(server), file);
    expect([...server.uploads.keys()]).toEqual([Object(checkpoint).uploadId]);
  });

  test("discard() gives up an unfinished put, and is harmless where there is none", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const task = await interrupted(server, file);
    const storage = openOss(server);
    await storage.discard("outputs/1/other.png", task.checkpoint, calm());
    await storage.discard(KEY, undefined, calm());
    expect(server.uploads.size).toBe(1);
    await storage.discard(KEY, task.checkpoint, calm());
    await storage.discard(KEY, task.checkpoint, calm());
    expect(server.uploads.size).toBe(0);
  });
});

describe("OssStorage.put(), the local file", () => {
  test.each([50_000, 3 * PART_BYTES])(
    "of %i bytes that is shorter than it was said to be is refused",
    async (sizeBytes) => {
      const server = await startOss();
      const file = await randomFile(sizeBytes);
      await truncate(file.path, sizeBytes - 1);
      await expect(putTask(openOss(server), file)).rejects.toMatchObject({
        code: "UPLOAD_FAILED",
        message: `Cannot store "${KEY}": the local file has ${sizeBytes - 1} bytes, not ${sizeBytes}`,
      });
      expect(server.requests).toEqual([]);
    },
  );

  test("that shrinks during the upload ends it at once with that reason", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const put = openOss(server).put(file, {
      signal: calm(),
      saveCheckpoint: () => truncate(file.path, 4.5 * PART_BYTES),
    });
    await expect(put).rejects.toMatchObject({
      code: "UPLOAD_FAILED",
      message: `Cannot store "${KEY}": the local file became shorter`,
    });
    expect(server.objects.size).toBe(0);
  });

  test("that is written anew during the upload never becomes an object", async () => {
    const server = await startOss();
    const file = await randomFile(6 * PART_BYTES);
    const put = openOss(server).put(file, {
      signal: calm(),
      saveCheckpoint: async () => {
        await writeFile(file.path, Buffer.alloc(file.sizeBytes));
        await utimes(file.path, 1, 1);
      },
    });
    await expect(put).rejects.toMatchObject({
      message: `Cannot store "${KEY}": the local file changed meanwhile`,
    });
    expect(server.objects.size).toBe(0);
  });
});

describe("OssStorage.put(), cancel", () => {
  test("cuts stalled parts at once, with the signal's reason, and nobody else's upload", async () => {
    const server = await startOss();
    const storage = openOss(server);
    const [file, other] = [
      await randomFile(6 * PART_BYTES),
      await randomFile(6 * PART_BYTES, "outputs/2/other.png"),
    ];
    server.inject({ operation: "UploadPart", effect: STALL, times: 3 });
    const canceled = new AbortController();
    const put = putTask(storage, file, {}, canceled.signal);
    await eventually(() => server.seen("UploadPart").length === 3);
    const goesOn = putTask(storage, other);
    const reason = new Error("canceled");
    canceled.abort(reason);
    await expect(put).rejects.toBe(reason);
    await goesOn;
    expect([...server.objects.keys()]).toEqual(["outputs/2/other.png"]);
    expect(server.storedParts()).toHaveLength(6);
  });

  test("ends a pause between two tries", async () => {
    const server = await startOss();
    server.inject({ operation: "PutObject", effect: UNAVAILABLE, times: 1000 });
    const limits = {
      partSizeBytes: PART_BYTES,
      retry: { tries: 5, baseMs: 60_000, capMs: 60_000 },
    };
    const canceled = new AbortController();
    const put = putTask(openOss(server, {}, { limits }), await randomFile(10), {}, canceled.signal);
    await eventually(() => server.seen("PutObject").length === 1);
    canceled.abort();
    await expect(put).rejects.toBe(canceled.signal.reason);
  });
});
