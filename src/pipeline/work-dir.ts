import { existsSync, mkdirSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asDiskFull } from "../input/probe/disk-full.js";
import { untouchedFor } from "./untouched-for.js";

/** Of tasks and chunks. */
const UNIT_ID = /^[0-9a-f]{32}(-[0-9]{6})?$/;

/**
 * The scratch directories of tasks, one each, in one directory of this process. A task's directory
 * outlives an attempt and a restart, so that a retry begins at the stage that failed. It is removed
 * when the task has ended.
 */
export class WorkDirs {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The directory of a task. Where it does not exist, {@link WorkDir.make} makes it. */
  open(taskId: string): WorkDir {
    const path = join(this.#root, taskId);
    return new WorkDir(path, !existsSync(path));
  }

  async remove(taskId: string): Promise<void> {
    await rm(join(this.#root, taskId), { recursive: true, force: true });
  }

  /**
   * The ids of tasks that have a directory here. Other names are left out.
   *
   * @param untouchedMs only those in which nothing was written for so long.
   */
  async leftovers(untouchedMs = 0): Promise<string[]> {
    const names = await readdir(this.#root).catch(() => []);
    const all = names.filter((name) => UNIT_ID.test(name));
    if (untouchedMs === 0) return all;
    const ages = await Promise.all(all.map((name) => untouchedFor(join(this.#root, name))));
    return all.filter((_name, index) => (ages[index] ?? 0) >= untouchedMs);
  }
}

/** One task's scratch directory. */
export class WorkDir {
  readonly path: string;
  /** There was none: nothing is left of an earlier try. */
  readonly isNew: boolean;

  constructor(path: string, isNew = false) {
    this.path = path;
    this.isNew = isNew;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Makes it where it does not exist, at once: a trip to another thread takes longer. @throws TaskError DISK_FULL */
  make(): void {
    try {
      if (this.isNew) mkdirSync(this.path, { recursive: true });
    } catch (thrown) {
      throw asDiskFull(thrown, "Cannot keep the files of a task");
    }
  }

  /** Writes a small note beside the files. One that is not there whole cannot be read. @throws TaskError DISK_FULL */
  async writeNote(name: string, note: object): Promise<void> {
    try {
      await writeFile(this.file(name), JSON.stringify(note));
    } catch (thrown) {
      throw asDiskFull(thrown, "Cannot keep what is known of the input");
    }
  }

  /** @returns undefined if there is no note that can be read */
  async readNote(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.file(name), "utf8"));
    } catch {
      return undefined;
    }
  }
}
