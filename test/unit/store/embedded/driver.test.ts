import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedDriver } from "../../../../src/store/embedded/driver.js";
import { tempDir } from "../../../support/temp-dir.js";

async function openTable(): Promise<{ driver: EmbeddedDriver; path: string }> {
  const path = join(await tempDir(), "a.sqlite");
  const driver = EmbeddedDriver.open(path);
  onTestFinished(() => driver[Symbol.dispose]());
  driver.exec("CREATE TABLE t (a TEXT UNIQUE, n INTEGER)");
  return { driver, path };
}

const textsOf = (driver: EmbeddedDriver) =>
  driver.all<{ a: string }>("SELECT a FROM t ORDER BY a").map(({ a }) => a);

describe("EmbeddedDriver", () => {
  test("works in a write-ahead log that is synchronized with every commit", async () => {
    const { driver } = await openTable();
    expect(driver.get("PRAGMA journal_mode")).toEqual({ journal_mode: "wal" });
    expect(driver.get("PRAGMA synchronous")).toEqual({ synchronous: 2 });
    expect(driver.get("PRAGMA locking_mode")).toEqual({ locking_mode: "exclusive" });
  });

  test("opens a file whose lock directory a dead process left", async () => {
    const path = join(await tempDir(), "a.sqlite");
    await mkdir(`${path}.lock`);
    using driver = EmbeddedDriver.open(path);
    expect(driver.get("SELECT 1 AS one")).toEqual({ one: 1 });
  });

  test("commits a write with RETURNING of which only the first row is taken", async () => {
    const { driver, path } = await openTable();
    driver.run("INSERT INTO t VALUES ('a', 1), ('b', 2)");
    expect(driver.get("UPDATE t SET n = n + 1 RETURNING n")).toEqual({ n: 2 });
    driver[Symbol.dispose]();
    using reopened = EmbeddedDriver.open(path);
    expect(reopened.all("SELECT n FROM t ORDER BY n")).toEqual([{ n: 2 }, { n: 3 }]);
  });

  test("uses a statement again that has failed before", async () => {
    const { driver } = await openTable();
    const insert = (a: string) => driver.run("INSERT INTO t VALUES (?, 1)", a);
    insert("a");
    expect(() => insert("a")).toThrow("UNIQUE constraint failed: t.a");
    expect(() => insert("a")).toThrow("UNIQUE constraint failed: t.a");
    expect(insert("b")).toBe(1);
  });

  test("leaves no lock when it closes, whatever statements were used", async () => {
    const { driver, path } = await openTable();
    driver.run("INSERT INTO t VALUES ('a', 1)");
    driver.get("SELECT * FROM t");
    expect(() => driver.run("INSERT INTO t VALUES ('a', 1)")).toThrow();
    driver[Symbol.dispose]();
    driver[Symbol.dispose]();
    expect(await readdir(join(path, ".."))).toEqual(["a.sqlite"]);
  });

  test("throws STORE_UNAVAILABLE once it is closed", async () => {
    const { driver } = await openTable();
    driver[Symbol.dispose]();
    const calls = [
      () => driver.all("SELECT 1"),
      () => driver.run("DELETE FROM t"),
      () => driver.exec("SELECT 1"),
      () => driver.transaction(() => 1),
    ];
    for (const call of calls)
      expect(call).toThrow(expect.objectContaining({ code: "STORE_UNAVAILABLE" }));
  });

  test("keeps all writes of a transaction or, when it throws, none", async () => {
    const { driver } = await openTable();
    const insert = (a: string) => driver.run("INSERT INTO t VALUES (?, 1)", a);
    expect(driver.transaction(() => insert("a") + insert("b"))).toBe(2);
    const failing = () =>
      driver.transaction(() => {
        insert("c");
        throw new Error("No");
      });
    expect(failing).toThrow("No");
    expect(() => driver.transaction(() => insert("d") + insert("a"))).toThrow("UNIQUE");
    expect(textsOf(driver)).toEqual(["a", "b"]);
    driver.transaction(() => insert("e"));
    expect(textsOf(driver)).toEqual(["a", "b", "e"]);
  });

  test("says DISK_FULL for a transaction that finds no room, and goes on", async () => {
    const { driver } = await openTable();
    const pageCount = driver.get<{ page_count: number }>("PRAGMA page_count")?.page_count ?? 0;
    driver.all(`PRAGMA max_page_count = ${pageCount + 3}`);
    const insert = (a: string) => driver.run("INSERT INTO t VALUES (?, 1)", a);
    const fill = () =>
      driver.transaction(() => {
        for (let i = 0; i < 20; i++) insert(`${i}`.padEnd(2_000, "-"));
      });
    for (let i = 0; i < 2; i++)
      expect(fill).toThrow(expect.objectContaining({ code: "DISK_FULL" }));
    expect(textsOf(driver)).toEqual([]);
    driver.all("PRAGMA max_page_count = 1000");
    fill();
    expect(textsOf(driver)).toHaveLength(20);
  });

  test.each(["a\0b", "\0", "\ufeffa"])(
    "refuses the text %j, which would not come back",
    async (text) => {
      const { driver } = await openTable();
      expect(() => driver.run("INSERT INTO t VALUES (?, 1)", text)).toThrow("NUL");
      expect(textsOf(driver)).toEqual([]);
    },
  );

  test("gives back texts and numbers as they were", async () => {
    const { driver } = await openTable();
    const texts = ["", " é 漢字 👩‍🚀 $a.b '\"\\ \u2028", "x".repeat(100_000)];
    for (const text of texts) driver.run("INSERT INTO t VALUES (?, ?)", text, text.length);
    expect(textsOf(driver).toSorted()).toEqual(texts.toSorted());
    const numbers = [0, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, null];
    for (const n of numbers) expect(driver.get("SELECT ? AS n", n)).toEqual({ n });
  });

  test.each([
    ["a file that is no database", async (path: string) => writeFile(path, "x".repeat(5_000))],
    ["a directory", async (path: string) => mkdir(path)],
  ])("throws STORE_UNAVAILABLE naming the path for %s", async (_case, make) => {
    const path = join(await tempDir(), "a.sqlite");
    await make(path);
    expect(() => EmbeddedDriver.open(path)).toThrow(
      expect.objectContaining({
        code: "STORE_UNAVAILABLE",
        message: expect.stringContaining(path),
      }),
    );
  });

  test("leaves faulty SQL a plain error", async () => {
    const { driver } = await openTable();
    expect(() => driver.run("SELEKT")).toThrow('near "SELEKT": syntax error');
  });

  test("has each commit on disk before it answers", async () => {
    const { driver, path } = await openTable();
    driver.run("INSERT INTO t VALUES ('found in the log', 1)");
    expect((await readFile(`${path}-wal`)).includes("found in the log")).toBe(true);
  });
});
