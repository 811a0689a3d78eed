import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLocalStorage } from "../../../src/storage/local/local-storage.js";
import type { StoredFile } from "../../../src/storage/object-storage.js";
import { mountDisk } from "../../support/small-disk.js";
import { tempDir } from "../../support/temp-dir.js";

const { signal } = new AbortController();
const PUBLIC_URL = "http://localhost:6008";

async function fileOf(content: Buffer | string, key = "outputs/task/result.png") {
  const path = join(await tempDir(), "result");
  await writeFile(path, content);
  const { size: sizeBytes } = await stat(path);
  return { path, key, sizeBytes, mediaType: "image/png" } satisfies StoredFile;
}

describe("createLocalStorage()", () => {
  it("makes URLs of its public address, each segment percent-encoded", async () => {
    const storage = createLocalStorage({ directory: "x", publicUrl: "https://a.example/sr/" });
    await expect(storage.url("outputs/task/照 片#1.png")).resolves.toEqual({
      url: "https://a.example/sr/outputs/task/%E7%85%A7%20%E7%89%87%231.png",
    });
  });

  it("leaves nothing but the object, and the source where it was", async () => {
    const directory = join(await tempDir(), "results");
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const file = await fileOf("content");
    await storage.put(file, { signal });
    await storage.put(file, { signal });
    await expect(readdir(join(directory, "outputs/task"))).resolves.toEqual(["result.png"]);
    await expect(readFile(file.path, "utf8")).resolves.toBe("content");
  });

  it("leaves no folder of an object that was not stored, unless there are others in it", async () => {
    const directory = join(await tempDir(), "results");
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const file = await fileOf("content");
    const gone = { ...file, path: `${file.path}-that-is-gone` };
    await expect(storage.put(gone, { signal })).rejects.toThrow();
    await expect(readdir(join(directory, "outputs"))).resolves.toEqual([]);
    await storage.put({ ...file, key: "outputs/task/other.png" }, { signal });
    await expect(storage.put(gone, { signal })).rejects.toThrow();
    await expect(readdir(join(directory, "outputs/task"))).resolves.toEqual(["other.png"]);
  });

  it("keeps the file itself on one file system, without a copy", async () => {
    const root = await tempDir();
    const storage = createLocalStorage({ directory: join(root, "results"), publicUrl: PUBLIC_URL });
    const path = join(root, "source");
    await writeFile(path, "content");
    await storage.put({ ...(await fileOf("content")), path }, { signal });
    const [source, object] = [path, join(root, "results/outputs/task/result.png")].map((one) =>
      stat(one),
    );
    expect((await object)?.ino).toBe((await source)?.ino);
  });

  it("lives on when its source is removed or replaced", async () => {
    const directory = await tempDir();
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const file = await fileOf("content");
    await storage.put(file, { signal });
    await rm(file.path);
    await writeFile(file.path, "other");
    await expect(readFile(join(directory, file.key), "utf8")).resolves.toBe("content");
  });

  it.each([
    "../escape.png",
    "outputs/../../escape.png",
    "/etc/escape.png",
    "outputs//result.png",
    "outputs/.hidden",
    "outputs\\..\\escape.png",
    "outputs/a\0b",
    "",
  ])("keeps nothing under the key %j", async (key) => {
    const directory = join(await tempDir(), "results");
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const file = await fileOf("content");
    await expect(storage.put({ ...file, key }, { signal })).rejects.toThrow("no safe key");
    await expect(storage.open(key)).resolves.toBeUndefined();
    await expect(readdir(join(directory, ".."))).resolves.toEqual([]);
  });

  it("discard() removes what a killed put left, of its own key alone", async () => {
    const directory = await tempDir();
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const folder = join(directory, "outputs/task");
    await mkdir(folder, { recursive: true });
    for (const name of [".a.png.1.part", ".a.png.2.part", ".b.png.1.part", "a.png"])
      await writeFile(join(folder, name), "");
    await storage.discard("outputs/task/a.png", undefined, signal);
    expect((await readdir(folder)).toSorted()).toEqual([".b.png.1.part", "a.png"]);
  });

  it("lists the key of a put that was killed, and removes what it left", async () => {
    const directory = await tempDir();
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    await mkdir(join(directory, "uploads/1"), { recursive: true });
    await writeFile(join(directory, "uploads/1", `.a.png.${randomUUID()}.part`), "half");
    const listed = [];
    for await (const { key } of storage.list("uploads/", signal)) listed.push(key);
    expect(listed).toEqual(["uploads/1/a.png"]);
    expect(await storage.find("uploads/1/a.png", signal)).toBeUndefined();
    await storage.remove("uploads/1/a.png", signal);
    expect(await readdir(join(directory, "uploads"))).toEqual([]);
  });

  it("says what to change where it may not write", async () => {
    const path = join(await tempDir(), "file");
    await writeFile(path, "");
    const storage = createLocalStorage({ directory: join(path, "results"), publicUrl: PUBLIC_URL });
    await expect(storage.probe(signal)).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
      message: expect.stringMatching(/the service may not write there \(ENOTDIR\)/),
    });
    const put = storage.put(await fileOf("content"), { signal });
    await expect(put).rejects.toMatchObject({
      code: "STORAGE_REFUSED",
      message: expect.not.stringMatching(path),
    });
  });

  it("copies from another file system, and tells a full disk", async ({ skip }) => {
    const directory = await tempDir();
    if (!(await mountDisk(directory, 1))) return skip("mounting is not permitted here");
    const storage = createLocalStorage({ directory, publicUrl: PUBLIC_URL });
    const small = await fileOf(Buffer.alloc(100_000, 1));
    await storage.put(small, { signal });
    await expect(readFile(join(directory, small.key))).resolves.toHaveLength(100_000);
    const large = await fileOf(Buffer.alloc(2_000_000, 1), "outputs/task/large.png");
    await expect(storage.put(large, { signal })).rejects.toMatchObject({
      code: "DISK_FULL",
      message: 'Cannot store "outputs/task/large.png": the disk is full',
    });
    await expect(readdir(join(directory, "outputs/task"))).resolves.toEqual(["result.png"]);
  });
});
