import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { lockDirectory } from "../../../../src/store/embedded/directory-lock.js";
import { tempDir } from "../../../support/temp-dir.js";

describe("lockDirectory()", () => {
  test("refuses a second owner with a message that names directory and process", async () => {
    const directory = await tempDir();
    await using _lock = await lockDirectory(directory);
    const message = `Cannot open the store in "${directory}": another process (pid ${process.pid}) has it open`;
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message,
    });
  });

  test("gives the directory to the next owner when the last is disposed, and leaves nothing", async () => {
    const directory = await tempDir();
    for (let i = 0; i < 3; i++) {
      const lock = await lockDirectory(directory);
      expect(lock.deadOwnerCount).toBe(0);
      await lock[Symbol.asyncDispose]();
      await lock[Symbol.asyncDispose]();
    }
    expect(await readdir(directory)).toEqual([]);
  });

  test("removes the traces of dead owners and nothing else", async () => {
    const directory = await tempDir();
    const dead = ["owner-1-0123456789abcdef.sock", `owner-${process.pid}-ffffffffffffffff.sock`];
    const others = ["owner-1-x.sock", "store.sqlite", "owner.sock"];
    for (const name of [...dead, ...others]) await writeFile(join(directory, name), "");
    await using lock = await lockDirectory(directory);
    expect(lock.deadOwnerCount).toBe(2);
    const left = await readdir(directory);
    expect(left).toEqual(expect.arrayContaining(others));
    expect(left).toHaveLength(others.length + 1);
  });

  test("believes an owner alive whose process does not come to answer", async () => {
    const directory = await tempDir();
    const server = createServer(() => undefined);
    const path = join(directory, "owner-4711-0123456789abcdef.sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(async () => {
      await new Promise((resolve) => server.close(resolve));
    });
    await expect(lockDirectory(directory)).rejects.toThrow("another process (pid 4711)");
  });

  test("never has two owners when many ask at once", async () => {
    const directory = await tempDir();
    const answers = await Promise.allSettled(
      Array.from({ length: 5 }, () => lockDirectory(directory)),
    );
    const locks = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    expect(locks.length).toBeLessThanOrEqual(1);
    for (const lock of locks) await lock[Symbol.asyncDispose]();
  });

  test("works in a directory whose path is longer than a socket's may be", async () => {
    const directory = join(await tempDir(), "d".repeat(120), "é".repeat(60));
    await mkdir(directory, { recursive: true });
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow("another process");
    await lock[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });

  test("says that it cannot lock where the directory is missing", async () => {
    const directory = join(await tempDir(), "missing");
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining(directory),
    });
  });
});
