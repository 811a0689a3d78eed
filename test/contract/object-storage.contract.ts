import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/domain/task.js";
import type { ObjectStorage, StoredFile } from "../../src/output/object-storage.js";
import { tempDir } from "../support/temp-dir.js";

/** One object storage to be tested, with everything that serves its URLs. */
export interface StorageUnderTest {
  readonly storage: ObjectStorage;
}

const TASK_ID = "f692edeb41cb4a3eaebd2db0044c0778";
const signal = new AbortController().signal;

/**
 * What every object storage does. `start` makes an empty one for a test, serves what its URLs point
 * to, and closes both when the test has finished.
 */
export function describeObjectStorage(name: string, start: () => Promise<StorageUnderTest>): void {
  describe(`ObjectStorage: ${name}`, () => {
    it("probe() passes where results can be stored", async () => {
      const { storage } = await start();
      await expect(storage.probe(signal)).resolves.toBeUndefined();
    });

    it.each([
      ["an empty file", 0],
      ["a small file", 1_000],
      ["a file of several pieces", 3_000_000],
    ])(
      "put() stores %s, to be fetched at its URL with its media type",
      async (_what, sizeBytes) => {
        const { storage } = await start();
        const content = randomBytes(sizeBytes);
        const file = await fileOf(content);
        await storage.put(file, { signal });
        await rm(file.path);
        await expectObject(storage, file, content);
      },
    );

    it("put() keeps names in any script apart, and every URL is plain ASCII", async () => {
      const { storage } = await start();
      for (const fileName of ["照片 1.png", "a+b&c=d#e?.png", "100%25.png", "ä'(!)*.png"]) {
        const content = Buffer.from(fileName);
        const file = await fileOf(content, fileName);
        await storage.put(file, { signal });
        expect((await storage.url(file.key)).url).toMatch(/^https?:\/\/[\x21-\x7e]+$/);
        await expectObject(storage, file, content);
      }
    });

    it("put() of the same file under the same key again is harmless", async () => {
      const { storage } = await start();
      const content = randomBytes(10_000);
      const file = await fileOf(content);
      await storage.put(file, { signal });
      await storage.put(file, { signal });
      await expectObject(storage, file, content);
    });

    it("put() replaces an object by another file", async () => {
      const { storage } = await start();
      await storage.put(await fileOf(randomBytes(10_000)), { signal });
      const content = randomBytes(5_000);
      const second = await fileOf(content);
      await storage.put(second, { signal });
      await expectObject(storage, second, content);
    });

    it("put() of several files at once keeps them apart", async () => {
      const { storage } = await start();
      const contents = Array.from({ length: 5 }, () => randomBytes(100_000));
      const files = await Promise.all(contents.map((one, at) => fileOf(one, `result-${at}.png`)));
      await Promise.all(files.map((file) => storage.put(file, { signal })));
      for (const [at, file] of files.entries())
        await expectObject(storage, file, contents[at] ?? Buffer.alloc(0));
    });

    it("put() reports bytes that never fall and end with the size", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(3_000_000));
      const reports: number[] = [];
      await storage.put(file, { signal, onProgress: (storedBytes) => reports.push(storedBytes) });
      expect(reports).toEqual(reports.toSorted((a, b) => a - b));
      expect(reports.at(-1)).toBe(file.sizeBytes);
    });

    it("put() goes on from whatever checkpoint it saved", async () => {
      const { storage } = await start();
      const content = randomBytes(3_000_000);
      const file = await fileOf(content);
      const checkpoints: Json[] = [];
      const saveCheckpoint = async (checkpoint: Json) => void checkpoints.push(checkpoint);
      await storage.put(file, { signal, saveCheckpoint });
      for (const checkpoint of checkpoints) {
        await storage.put(file, { signal, checkpoint, saveCheckpoint });
        await expectObject(storage, file, content);
      }
    });

    it("put() that is canceled throws the reason and leaves no object", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(1_000));
      const reason = new Error("the task was canceled");
      await expect(storage.put(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expectNoObject(storage, file.key);
    });

    it("put() of a file that is not as large as it was said leaves no object", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(1_000));
      const put = storage.put({ ...file, sizeBytes: 1_001 }, { signal });
      await expect(put).rejects.toMatchObject({ code: "UPLOAD_FAILED", family: "passing" });
      await expectNoObject(storage, file.key);
    });

    it("discard() is harmless where there is nothing to give up, and leaves an object alone", async () => {
      const { storage } = await start();
      const content = randomBytes(1_000);
      const file = await fileOf(content);
      await storage.discard(file.key, undefined, signal);
      await storage.put(file, { signal });
      await storage.discard(file.key, undefined, signal);
      await expectObject(storage, file, content);
    });
  });
}

async function fileOf(content: Buffer, fileName = "result.png"): Promise<StoredFile> {
  const path = join(await tempDir(), "result");
  await writeFile(path, content);
  const key = `outputs/${TASK_ID}/${fileName}`;
  return { path, key, sizeBytes: content.length, mediaType: "image/png" };
}

async function expectObject(storage: ObjectStorage, file: StoredFile, content: Buffer) {
  const response = await fetch((await storage.url(file.key)).url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe(file.mediaType);
  expect(content.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
}

async function expectNoObject(storage: ObjectStorage, key: string): Promise<void> {
  const response = await fetch((await storage.url(key)).url);
  await response.body?.cancel();
  expect(response.status).toBe(404);
}
