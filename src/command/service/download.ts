import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CommandFailure, EXIT } from "../failure.js";
import type { TaskDocument } from "./documents.js";
import { Refusal, type Service } from "./service.js";

/** The result of a task that has completed. */
export type Result = NonNullable<TaskDocument["output"]>;

/**
 * Fetches a result. What an earlier try left of the same task is gone on with; the file appears under
 * its name when it is whole.
 *
 * @throws CommandFailure when it is not there any more.
 */
export async function downloadResult(
  service: Service,
  { task_id: taskId }: TaskDocument,
  { url, size_bytes: sizeBytes }: Result,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await sizeOf(path)) === sizeBytes) return;
  const partPath = join(dirname(path), `.${basename(path)}.${taskId}.part`);
  await mkdir(dirname(path), { recursive: true });
  await service.patiently(signal, async () => {
    if ((await sizeOf(partPath)) !== sizeBytes) await fetchRest(service, url, partPath, signal);
    const gotBytes = await sizeOf(partPath);
    if (gotBytes === sizeBytes) return;
    if (gotBytes > sizeBytes) await rm(partPath, { force: true });
    throw new TypeError(`The result has ${gotBytes} of ${sizeBytes} bytes`);
  });
  await rename(partPath, path);
}

async function fetchRest(
  service: Service,
  url: string,
  partPath: string,
  signal: AbortSignal,
): Promise<void> {
  const from = await sizeOf(partPath);
  const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  const response = await service.send(url, { headers, signal }).catch(asLost);
  if (response.body === null) return;
  const flags = response.status === 206 ? "a" : "w";
  await pipeline(Readable.fromWeb(response.body), createWriteStream(partPath, { flags }), {
    signal,
  });
}

function asLost(error: unknown): never {
  if (!(error instanceof Refusal) || (error.status !== 404 && error.status !== 403)) throw error;
  const message = `Cannot fetch the result: its storage answers ${error.status}`;
  throw new CommandFailure(EXIT.taskFailed, message, { cause: error });
}

/** 0 where there is no file. */
async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
