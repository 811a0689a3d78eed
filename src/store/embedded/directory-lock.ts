import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, readdir, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TaskError } from "../../domain/errors.js";

/** A lock that is held until it is disposed or the process dies, however it dies. */
export interface DirectoryLock extends AsyncDisposable {
  /** How many sockets of dead owners were removed. */
  readonly deadOwnerCount: number;
}

/**
 * Makes this process the only owner of a directory on a local disk.
 *
 * Each contender first listens on a Unix socket in the directory, under a name that is never used
 * again, and then looks for other sockets. If one answers, its owner is alive and the contender
 * withdraws. If nobody listens on it any more, its owner is dead and the socket is removed. Since
 * each contender listens before it looks, at least one of two sees the other. The kernel ends a
 * socket with its process. That makes this safe where process ids are not: after kill -9, and
 * between containers.
 *
 * @throws TaskError STORE_UNAVAILABLE naming the directory while another process owns it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  for (let tryCount = 1; ; tryCount++) {
    const own = `owner-${process.pid}-${randomBytes(8).toString("hex")}.sock`;
    const server = await listen(directory, own);
    const others = await findOthers(directory, own);
    if (others.alive === undefined) {
      return {
        deadOwnerCount: others.deadCount,
        [Symbol.asyncDispose]: () => release(directory, own, server),
      };
    }
    await release(directory, own, server);
    if (tryCount === MAX_TRIES) throw lockedBy(others.alive, directory);
    // Two that started at the same moment both withdraw; the pause lets one of them win.
    await sleep(50 + Math.random() * 200);
  }
}

const MAX_TRIES = 4;
const OWNER_NAME = /^owner-(\d+)-[0-9a-f]{16}\.sock$/;
const CONNECT_LIMIT_MS = 2_000;
/** A socket's path may have 107 bytes on Linux, 103 elsewhere. */
const MAX_SOCKET_PATH_BYTES = 103;

async function listen(directory: string, name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  try {
    await usingShortPath(directory, name, async (path) => {
      server.listen(path);
      await once(server, "listening");
    });
  } catch (error) {
    server.close();
    throw cannotLock(directory, error);
  }
  server.unref();
  return server;
}

async function findOthers(
  directory: string,
  own: string,
): Promise<{ readonly alive?: string; readonly deadCount: number }> {
  let deadCount = 0;
  for (const name of await readdir(directory)) {
    if (name === own || !OWNER_NAME.test(name)) continue;
    if (await isAlive(directory, name)) return { alive: name, deadCount };
    await rm(join(directory, name), { force: true });
    deadCount += 1;
  }
  return { deadCount };
}

/** Whether the owner of a socket is alive. In doubt it is: refusing to start does no harm. */
async function isAlive(directory: string, name: string): Promise<boolean> {
  return await usingShortPath(directory, name, async (path) => {
    const socket = connect(path);
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_LIMIT_MS) });
      return true;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      return code !== "ECONNREFUSED" && code !== "ENOENT";
    } finally {
      socket.destroy();
    }
  });
}

async function release(directory: string, name: string, server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
  await rm(join(directory, name), { force: true });
}

/** Calls `use` with a path to the file that a socket can have, however deep the directory is. */
async function usingShortPath<T>(
  directory: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(directory, name);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES || process.platform !== "linux") {
    return await use(path);
  }
  const handle = await open(directory);
  try {
    return await use(`/proc/self/fd/${handle.fd}/${name}`);
  } finally {
    await handle.close();
  }
}

function lockedBy(name: string, directory: string): TaskError {
  const pid = OWNER_NAME.exec(name)?.[1];
  return new TaskError(
    "STORE_UNAVAILABLE",
    `Cannot open the store in "${directory}": another process (pid ${pid}) has it open`,
  );
}

function cannotLock(directory: string, error: unknown): TaskError {
  const reason = error instanceof Error ? error.message : String(error);
  return new TaskError(
    "STORE_UNAVAILABLE",
    `Cannot open the store in "${directory}": its lock cannot be made (${reason})`,
    { cause: error },
  );
}
