import { open } from "node:fs/promises";
import type { GetOptions } from "../object-storage.js";
import type { OssClient } from "./client.js";

const PROGRESS_INTERVAL_MS = 200;

/** Repeats a call while it fails in a way that passes. */
export type Retry = <T>(call: () => Promise<T>) => Promise<T>;

/** An object to be fetched. */
export interface GetRequest extends GetOptions {
  readonly client: OssClient;
  readonly retry: Retry;
  readonly key: string;
  /** Of a file that is not there yet. */
  readonly path: string;
}

/**
 * Fetches an object into a file; a try that breaks off is gone on from where it ended, since no
 * object of ours changes.
 *
 * @throws OssFailure; errors of the file system as they come; the signal's reason
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
