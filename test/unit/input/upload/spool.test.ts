import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Spool } from "../../../../src/input/upload/spool.js";
import { mountDisk } from "../../../support/small-disk.js";
import { tempDir } from "../../../support/temp-dir.js";

const { signal } = new AbortController();
const ROOM = { maxCount: 10, maxTotalBytes: 100_000_000 };

async function* bytes(sizeBytes: number) {
  for (let sent = 0; sent < sizeBytes; sent += 1_000)
    yield new Uint8Array(Math.min(1_000, sizeBytes - sent));
}

test("Spool.receive() takes up to the limit and no byte more", async () => {
  const spool = await Spool.open(await tempDir(), { ...ROOM, maxBytes: 5_000, idleMs: 1_000 });
  await using file = await spool.receive(bytes(5_000), signal);
  expect(file.sizeBytes).toBe(5_000);
  await expect(spool.receive(bytes(5_001), signal)).rejects.toMatchObject({
    code: "INPUT_TOO_LARGE",
    message: "Cannot take the upload: it has at least 5001 bytes, more than the limit of 5000",
  });
});

test("Spool.receive() tells a full disk, and leaves nothing on it", async ({ skip }) => {
  const disk = await tempDir();
  if (!(await mountDisk(disk, 1))) return skip("mounting is not permitted here");
  const directory = join(disk, "spool");
  const spool = await Spool.open(directory, { ...ROOM, maxBytes: 9_000_000, idleMs: 1_000 });
  await expect(spool.receive(bytes(2_000_000), signal)).rejects.toMatchObject({
    code: "DISK_FULL",
    message: "Cannot take the upload: the disk is full",
  });
  expect(await readdir(directory)).toEqual([]);
});

test("Spool.receive() takes no more uploads at once than it may, until others have ended", async () => {
  const limits = { ...ROOM, maxCount: 2, maxBytes: 5_000, idleMs: 1_000 };
  const spool = await Spool.open(await tempDir(), limits);
  const first = await spool.receive(bytes(10), signal);
  await using _second = await spool.receive(bytes(10), signal);
  await expect(spool.receive(bytes(10), signal)).rejects.toMatchObject({
    code: "TOO_MANY_UPLOADS",
    message:
      "Cannot take the upload: 2 uploads at once are as many as TMLSR_UPLOAD_MAX_COUNT allows; try again later",
    retryAfterMs: expect.any(Number),
  });
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using _third = await spool.receive(bytes(10), signal);
  await expect(spool.receive(bytes(10), signal)).rejects.toMatchObject({
    code: "TOO_MANY_UPLOADS",
  });
});

test("Spool.receive() takes no more bytes than there is room for, declared or not", async () => {
  const directory = await tempDir();
  const limits = { ...ROOM, maxTotalBytes: 10_000, maxBytes: 10_000, idleMs: 1_000 };
  const spool = await Spool.open(directory, limits);
  const first = await spool.receive(bytes(6_000), signal, 6_000);
  const refusal = {
    code: "TOO_MANY_UPLOADS",
    message: expect.stringContaining("TMLSR_UPLOAD_UNFINISHED_MB"),
  };
  await expect(spool.receive(bytes(5_000), signal, 5_000)).rejects.toMatchObject(refusal);
  await expect(spool.receive(bytes(5_000), signal)).rejects.toMatchObject(refusal);
  expect(await readdir(directory)).toHaveLength(1);
  await using _small = await spool.receive(bytes(4_000), signal);
  await first[Symbol.asyncDispose]();
  await using _large = await spool.receive(bytes(6_000), signal);
});

test("Spool.receive() keeps the room of an upload that declares more than has come", async () => {
  const limits = { ...ROOM, maxTotalBytes: 10_000, maxBytes: 10_000, idleMs: 1_000 };
  const spool = await Spool.open(await tempDir(), limits);
  const leave = new AbortController();
  const stuck = spool.receive(stuckAfter(1_000), leave.signal, 8_000);
  await expect(spool.receive(bytes(3_000), signal)).rejects.toMatchObject({
    code: "TOO_MANY_UPLOADS",
  });
  leave.abort(new Error("gone"));
  await expect(stuck).rejects.toThrow("gone");
  await using _next = await spool.receive(bytes(10_000), signal);
});

async function* stuckAfter(sizeBytes: number) {
  yield* bytes(sizeBytes);
  await new Promise(() => undefined);
}
