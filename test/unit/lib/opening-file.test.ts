import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OpeningFile } from "../../../src/lib/opening-file.js";
import { tempDir } from "../../support/temp-dir.js";

const MEBIBYTE = Buffer.alloc(1024 * 1024, "m");

test("pieces are appended in their order, however large the file becomes", async () => {
  const path = join(await tempDir(), "file");
  {
    await using file = new OpeningFile(path, true);
    for (const piece of [Buffer.from("first"), MEBIBYTE, Buffer.from("last")])
      await file.append(piece);
  }
  const content = await readFile(path);
  expect(content.length).toBe(MEBIBYTE.length + 9);
  expect(`${content.subarray(0, 5)} ${content.subarray(-4)}`).toBe("first last");
});

test("a file goes on after what it has, or loses that where it is new or begins again", async () => {
  const path = join(await tempDir(), "file");
  const contentAfter = async (isNew: boolean, isRestarted: boolean): Promise<string> => {
    await writeFile(path, "before ");
    {
      await using file = new OpeningFile(path, isNew);
      if (isRestarted) await file.restart();
      await file.append(Buffer.from("after"));
    }
    return await readFile(path, "utf8");
  };
  expect(await contentAfter(false, false)).toBe("before after");
  expect(await contentAfter(true, false)).toBe("after");
  expect(await contentAfter(false, true)).toBe("after");
});

test("what was appended is dropped when it begins again", async () => {
  const path = join(await tempDir(), "file");
  {
    await using file = new OpeningFile(path, true);
    await file.append(Buffer.from("a longer text"));
    await file.restart();
    await file.append(Buffer.from("short"));
  }
  expect(await readFile(path, "utf8")).toBe("short");
});

test("a file that cannot be opened fails where it is written, not before", async () => {
  await using file = new OpeningFile(join(await tempDir(), "no", "file"), true);
  await expect(file.append(Buffer.from("x"))).rejects.toMatchObject({ code: "ENOENT" });
});
