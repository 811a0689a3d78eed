import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MongoBinary } from "mongodb-memory-server-core";

const DOWNLOAD_LIMIT_MS = 120_000;

/**
 * Finds a mongod to start: `MONGOMS_SYSTEM_BINARY`, otherwise one on the PATH, otherwise one that
 * mongodb-memory-server has downloaded or can download.
 *
 * @throws Error that says how to get one.
 */
export async function findMongod(): Promise<string> {
  const named = process.env["MONGOMS_SYSTEM_BINARY"];
  if (named) {
    await access(named, constants.X_OK);
    return named;
  }
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, "mongod");
    if (await isExecutable(path)) return path;
  }
  try {
    return await Promise.race([MongoBinary.getPath(), tooLong()]);
  } catch (cause) {
    throw new Error(HOW_TO, { cause });
  }
}

const HOW_TO =
  "no mongod: set MONGODB_TEST_URI to a replica set, or MONGOMS_SYSTEM_BINARY to a mongod (on Linux .ci/mongod gets one), or put a mongod on the path";

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function tooLong(): Promise<never> {
  await sleep(DOWNLOAD_LIMIT_MS, undefined, { ref: false });
  throw new Error(`No mongod was downloaded within ${DOWNLOAD_LIMIT_MS} ms`);
}
