import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedDriver } from "../../../../src/store/embedded/driver.js";
import { GroupCommit } from "../../../../src/store/embedded/group-commit.js";
import { tempDir } from "../../../support/temp-dir.js";

describe("group commit", () => {
  test("a write that throws is undone alone, the others of its group are stored", async () => {
    const { driver, commits } = await open();
    const insert = (value: number) => driver.run("INSERT INTO numbers VALUES (?)", value);
    const outcomes = await Promise.allSettled([
      commits.write(() => insert(1), nothing),
      commits.write(() => {
        insert(2);
        throw new Error("changed its mind");
      }, nothing),
      commits.write(() => insert(3), nothing),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(stored(driver)).toEqual([1, 3]);
  });

  test("each write sees what the earlier ones of its group wrote", async () => {
    const { driver, commits } = await open();
    const count = () => stored(driver).length;
    const add = () => {
      driver.run("INSERT INTO numbers VALUES (?)", count());
      return count();
    };
    const writes = Array.from({ length: 5 }, () => commits.write(add, nothing));
    expect(await Promise.all(writes)).toEqual([1, 2, 3, 4, 5]);
  });

  test("while writes come alone, one is written before its turn of the event loop ends", async () => {
    const { commits } = await open();
    expect(await isOverWhenWritten(commits)).toBe(true);
    await writeAlone(commits);
    expect(await isOverWhenWritten(commits)).toBe(false);
  });

  test("what is asked for at once is one group, after writes that came alone too", async () => {
    const { commits } = await open();
    await writeAlone(commits);
    const told: string[] = [];
    const write = (name: string) =>
      commits.write(
        () => told.push(`written ${name}`),
        () => told.push(`committed ${name}`),
      );
    await Promise.all([write("a"), write("b")]);
    expect(told).toEqual(["written a", "written b", "committed a", "committed b"]);
  });

  test("writes that come in one turn share commits again soon after they came alone", async () => {
    const { commits } = await open();
    await writeAlone(commits);
    // As requests do: each is heard by itself.
    const turnOf = async (count: number) => {
      const groups = new Set<number>();
      let committedCount = 0;
      const heard = Array.from({ length: count }, async () => {
        await nextTurn();
        await commits.write(
          () => groups.add(committedCount),
          () => {
            committedCount += 1;
          },
        );
      });
      await Promise.all(heard);
      return groups.size;
    };
    expect(await turnOf(20)).toBeGreaterThan(1);
    expect(await turnOf(20)).toBe(1);
  });

  test("nobody is answered before all of the group is on disk, and subscribers hear of it first", async () => {
    const { driver, commits } = await open();
    const told: string[] = [];
    const write = (name: string) =>
      commits
        .write(
          () => told.push(`written ${name}`),
          () => told.push(`committed ${name}`),
        )
        .then(() => told.push(`answered ${name}`));
    await Promise.all([write("a"), write("b")]);
    expect(told.slice(0, 2)).toEqual(["written a", "written b"]);
    expect(told.indexOf("committed a")).toBeLessThan(told.indexOf("answered a"));
    expect(told).toHaveLength(6);
    expect(stored(driver)).toEqual([]);
  });

  test("a group whose commit fails is told so as a whole, and nothing of it is stored", async () => {
    const { driver, commits } = await open();
    driver.exec("PRAGMA foreign_keys = ON");
    driver.exec("CREATE TABLE parents (id INTEGER PRIMARY KEY)");
    driver.exec(
      "CREATE TABLE children (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    const outcomes = await Promise.allSettled([
      commits.write(() => driver.run("INSERT INTO numbers VALUES (1)"), nothing),
      commits.write(() => driver.run("INSERT INTO children VALUES (7)"), nothing),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(stored(driver)).toEqual([]);
    await commits.write(() => driver.run("INSERT INTO numbers VALUES (2)"), nothing);
    expect(stored(driver)).toEqual([2]);
  });

  test("more writes than one transaction takes are all stored, in their order", async () => {
    const { driver, commits } = await open();
    const writes = Array.from({ length: 600 }, (_, value) =>
      commits.write(() => driver.run("INSERT INTO numbers VALUES (?)", value), nothing),
    );
    await Promise.all(writes);
    expect(stored(driver)).toEqual(Array.from({ length: 600 }, (_, value) => value));
  });
});

const nothing = (): void => {};

async function open(): Promise<{ driver: EmbeddedDriver; commits: GroupCommit }> {
  const driver = EmbeddedDriver.open(join(await tempDir(), "store.sqlite"));
  onTestFinished(() => driver[Symbol.dispose]());
  driver.exec("CREATE TABLE numbers (value INTEGER NOT NULL)");
  return { driver, commits: new GroupCommit(driver) };
}

function stored(driver: EmbeddedDriver): readonly number[] {
  const rows = driver.all<{ value: number }>("SELECT value FROM numbers ORDER BY rowid");
  return rows.map(({ value }) => value);
}

/** So many that it counts. */
async function writeAlone(commits: GroupCommit): Promise<void> {
  for (let count = 0; count < 8; count += 1) {
    await commits.write(() => undefined, nothing);
    await nextTurn();
  }
}

/** Whether the turn of the event loop in which a write is asked for ends before it is on disk. */
async function isOverWhenWritten(commits: GroupCommit): Promise<boolean> {
  let isOver = false;
  setImmediate(() => {
    isOver = true;
  });
  await commits.write(() => undefined, nothing);
  return isOver;
}
