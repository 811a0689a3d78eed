import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Spool } from "../../../../src/input/upload/spool.js";
import { mountDisk } from "../../../support/small-disk.js";
import { tempDir } from "../../../support/temp-dir.js";

const { signal } = new AbortController();

async function* bytes(sizeBytes: number) {
  for (let sent = 0; sent < sizeBytes; sent += 1_000)
    yield new Uint8Array(Math.min(1_000, sizeBytes - sent));
}

test("Spool.receive() takes up to the limit and no byte more", async () => {
  const spool = await Spool.open(await tempDir(), { maxBytes: 5_000, idleMs: 1_000 });
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
  const spool = await Spool.open(directory, { maxBytes: 9_000_000, idleMs: 1_000 });
  await expect(spool.receive(bytes(2_000_000), signal)).rejects.toMatchObject({
    code: "DISK_FULL",
    message: "Cannot take the upload: the disk is full",
  });
  expect(await readdir(directory)).toEqual([]);
});
