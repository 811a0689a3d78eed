import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../lib/logger.js";
import type { TaskStore } from "../task-store.js";
import { type DirectoryLock, lockDirectory } from "./directory-lock.js";
import { EmbeddedDriver } from "./driver.js";
import { EmbeddedTaskStore } from "./embedded-task-store.js";
import { migrate } from "./schema.js";
import { startWatchdog } from "./watchdog.js";

/** Where an embedded store is, and what it needs from its surroundings. */
export interface EmbeddedStoreOptions {
  /**
   * A directory on a local disk. It is made for this user alone if it does not exist. Only one
   * process at a time can have it open.
   */
  readonly directory: string;
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: () => number;
  readonly logger?: Logger;
  /** In milliseconds; when opening takes longer, the process is killed as hung. @default 300000 */
  readonly openLimitMs?: number;
}

/**
 * Opens the store in a directory, one SQLite file. Its lock proves that nobody else works on the
 * tasks, so every lease is void: `leaseOrphan` hands all held tasks out at once.
 *
 * @throws TaskError STORE_UNAVAILABLE while another process has it open, when a newer version of the
 * service wrote it, or when its files cannot be used; DISK_FULL.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<TaskStore> {
  const { directory } = options;
  const logger = options.logger?.child({ part: "store" });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(directory);
  if (lock.deadOwnerCount > 0) logger?.warn("the store's last owner died without closing it");
  try {
    const store = openLocked(options, lock, logger);
    await syncDirectory(directory);
    return store;
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

const OPEN_LIMIT_MS = 300_000;

function openLocked(
  options: EmbeddedStoreOptions,
  lock: DirectoryLock,
  logger: Logger | undefined,
): TaskStore {
  const { directory, clock = Date.now, openLimitMs: limitMs = OPEN_LIMIT_MS } = options;
  const message = `Cannot open the store in "${directory}": no answer from its file in ${limitMs} ms`;
  using _watchdog = startWatchdog({ message, limitMs });
  const driver = EmbeddedDriver.open(join(directory, "store.sqlite"));
  try {
    migrate(driver);
    return new EmbeddedTaskStore({ driver, lock, clock, logger });
  } catch (error) {
    driver[Symbol.dispose]();
    throw error;
  }
}

/** Makes the names of new files survive a power cut. This SQLite lacks the system call for that. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
