import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { TaskError } from "../../src/domain/errors.js";
import type { Json } from "../../src/domain/task.js";
import { withResolvers } from "../../src/lib/with-resolvers.js";
import type { ObjectInfo, ObjectStorage, StoredFile } from "../../src/storage/object-storage.js";
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

    it("put() shows an object only once it is judged, and none that is refused", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(10_000));
      const { promise: judged, resolve } = withResolvers<void>();
      const put = storage.put(file, { signal, judged });
      expect(await storage.find(file.key, signal)).toBeUndefined();
      resolve();
      await put;
      expect(await storage.find(file.key, signal)).toMatchObject({ sizeBytes: 10_000 });
      const refused = await fileOf(randomBytes(10_000), "refused.png");
      const refusal = new TaskError("BAD_RESULT", "It is black");
      const refusing = Promise.reject(refusal);
      refusing.catch(() => undefined);
      const refusedPut = storage.put(refused, { signal, judged: refusing });
      await expect(refusedPut).rejects.toBe(refusal);
      expect(await storage.find(refused.key, signal)).toBeUndefined();
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

    it("find() tells size and time of an object, and nothing where there is none", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(1_000), "照片 1.png");
      expect(await storage.find(file.key, signal)).toBeUndefined();
      await storage.put(file, { signal });
      const found = await storage.find(file.key, signal);
      expect(found).toMatchObject({ key: file.key, sizeBytes: 1_000 });
      expect(Math.abs(Date.now() - Number(found?.modifiedAt))).toBeLessThan(60_000);
      expect(await storage.find(dirname(file.key), signal)).toBeUndefined();
    });

    it.each([0, 1_000, 3_000_000])("get() fetches an object of %d bytes", async (sizeBytes) => {
      const { storage } = await start();
      const content = randomBytes(sizeBytes);
      const file = await fileOf(content, "a+b 1%25.png");
      await storage.put(file, { signal });
      const path = join(await tempDir(), "fetched");
      expect(await storage.get(file.key, path, { signal })).toBe(true);
      expect(content.equals(await readFile(path))).toBe(true);
    });

    it("get() answers false where there is no object", async () => {
      const { storage } = await start();
      const path = join(await tempDir(), "fetched");
      expect(await storage.get(`uploads/${TASK_ID}/none.png`, path, { signal })).toBe(false);
    });

    it("get() that is canceled throws the reason", async () => {
      const { storage } = await start();
      const file = await fileOf(randomBytes(1_000));
      await storage.put(file, { signal });
      const reason = new Error("the task was canceled");
      const path = join(await tempDir(), "fetched");
      const get = storage.get(file.key, path, { signal: AbortSignal.abort(reason) });
      await expect(get).rejects.toBe(reason);
    });

    it("list() tells every object below a folder and no other", async () => {
      const { storage } = await start();
      const keys = ["uploads/1/a.png", "uploads/1/照片 &<1>.png", "uploads/2/b.png"];
      for (const key of [...keys, "outputs/1/a.png", "uploads-2/1/a.png"])
        await storage.put({ ...(await fileOf(randomBytes(10))), key }, { signal });
      const listed: ObjectInfo[] = [];
      for await (const info of storage.list("uploads/", signal)) listed.push(info);
      expect(listed.map(({ key }) => key).sort()).toEqual(keys.toSorted());
      for (const info of listed) expect(info).toEqual(await storage.find(info.key, signal));
    });

    it("list() of an empty storage tells nothing", async () => {
      const { storage } = await start();
      for await (const info of storage.list("uploads/", signal)) expect(info).toBeUndefined();
    });

    it("remove() removes one object, and is harmless where there is none", async () => {
      const { storage } = await start();
      const [first, second] = [
        await fileOf(randomBytes(10)),
        await fileOf(randomBytes(9), "b.png"),
      ];
      for (const file of [first, second]) await storage.put(file, { signal });
      await storage.remove(first.key, signal);
      expect(await storage.find(first.key, signal)).toBeUndefined();
      expect(await storage.find(second.key, signal)).toMatchObject({ sizeBytes: 9 });
      for (const file of [first, second]) await storage.remove(file.key, signal);
      await storage.remove(second.key, signal);
      expect(await storage.find(second.key, signal)).toBeUndefined();
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
