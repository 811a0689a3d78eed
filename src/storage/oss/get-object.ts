import { open } from "node:fs/promises";
import type { GetOptions } from "../object-storage.js";
import type { OssClient } from "./client.js";

const PROGRESS_INTERVAL_MS = 200;

/** Repeats a call while it fails with a passing failure. */
export type Retry = <T>(call: () => Promise<T>) => Promise<T>;

/** An object to fetch. */
export interface GetRequest extends GetOptions {
  readonly client: OssClient;
  readonly retry: Retry;
  readonly key: string;
  /** The file must not exist yet. */
  readonly path: string;
}

/**
 * Fetches an object into a file. A try that breaks off is continued where it ended, since our
 * objects never change.
 *
 * @throws OssFailure; errors of the file system unchanged; the signal's reason
 */
export async function getFile(request: GetRequest): Promise<void> {
  const { client, retry, key, path, onProgress } = request;
  await using file = await open(path, "wx");
  let sizeBytes = 0;
  const timer = setInterval(() => onProgress?.(sizeBytes), PROGRESS_INTERVAL_MS);
  try {
    await retry(async () => {
      for await (const chunk of client.read(key, sizeBytes)) {
        await file.appendFile(chunk);
        sizeBytes += chunk.length;
      }
    });
  } finally {
    clearInterval(timer);
  }
}
