import { rename, rm } from "node:fs/promises";
import { TaskError } from "../../domain/errors.js";
import type { ObjectInfo, ObjectStorage } from "../../storage/object-storage.js";
import { inputTooLarge } from "../accept-response.js";
import { downloadError, translateDownloadError } from "../download-error.js";
import type { DownloadedInput, DownloadRequest } from "../download-input.js";
import type { InputSource } from "../input-source.js";
import { UPLOAD_SCHEME, uploadKeyOf } from "./upload-key.js";

/** Options of {@link UploadSource}. */
export interface UploadSourceOptions {
  readonly storage: Pick<ObjectStorage, "find" | "get">;
  readonly maxBytes: number;
  /** How long after an upload tasks can be created with it. */
  readonly ttlMs: number;
}

/** The rule that an upload breaks that is not there, or not for the caller. */
export const UNKNOWN_UPLOAD =
  "must name an upload: this one is unknown or has expired, upload the file again";

/** How long the submission of a task waits for the storage. */
const FIND_MS = 10_000;

/**
 * Inputs that clients uploaded, to this replica or to another. New tasks with an expired upload are
 * refused. An accepted task can read its upload until the task ends, see `UploadSweeper`.
 */
export class UploadSource implements InputSource {
  readonly scheme = UPLOAD_SCHEME;
  readonly #options: UploadSourceOptions;

  constructor(options: UploadSourceOptions) {
    this.#options = options;
  }

  async brokenRule({ href }: URL): Promise<string | undefined> {
    const { maxBytes, ttlMs } = this.#options;
    const key = uploadKeyOf(href);
    if (key === undefined) return "must be the one that the service gave for the upload";
    const found = await this.#find(key);
    if (found === undefined || Date.now() - found.modifiedAt.getTime() >= ttlMs)
      return UNKNOWN_UPLOAD;
    return found.sizeBytes > maxBytes
      ? `must name an upload of at most ${maxBytes} bytes: this one has ${found.sizeBytes}`
      : undefined;
  }

  async fetch(request: DownloadRequest): Promise<DownloadedInput> {
    const { path, signal, url } = request;
    const partPath = `${path}.part`;
    try {
      signal.throwIfAborted();
      await rm(partPath, { force: true });
      const sizeBytes = await this.#get(request, partPath);
      await rename(partPath, path);
      request.onProgress?.(sizeBytes, sizeBytes);
      return { sizeBytes };
    } catch (thrown) {
      signal.throwIfAborted();
      throw translate(thrown, url);
    } finally {
      await rm(partPath, { force: true });
    }
  }

  async #find(key: string): Promise<ObjectInfo | undefined> {
    const limit = AbortSignal.timeout(FIND_MS);
    return await this.#options.storage.find(key, limit).catch((thrown: unknown) => {
      throw limit.aborted ? tooSlow(thrown) : thrown;
    });
  }

  async #get({ url, signal, onProgress }: DownloadRequest, path: string): Promise<number> {
    const { storage, maxBytes } = this.#options;
    const key = uploadKeyOf(url);
    const found = key === undefined ? undefined : await storage.find(key, signal);
    if (found === undefined) throw notFound(url);
    const { sizeBytes } = found;
    if (sizeBytes > maxBytes) throw inputTooLarge(url, `it has ${sizeBytes} bytes`, maxBytes);
    const report = (fetchedBytes: number) => onProgress?.(fetchedBytes, sizeBytes);
    if (await storage.get(found.key, path, { signal, onProgress: report })) return sizeBytes;
    throw notFound(url);
  }
}

function tooSlow(cause: unknown): TaskError {
  const message =
    "Cannot look for the upload: the storage does not answer in time; try again later";
  return new TaskError("UPLOAD_FAILED", message, { cause });
}

function notFound(url: string): TaskError {
  return downloadError("INPUT_NOT_FOUND", url, "there is no such upload");
}

/**
 * A task treats the storage like any other origin: it may be available again at the next attempt.
 */
function translate(thrown: unknown, url: string): unknown {
  const isStorages =
    thrown instanceof TaskError && ["UPLOAD_FAILED", "STORAGE_REFUSED"].includes(thrown.code);
  return isStorages
    ? downloadError("INPUT_UNREACHABLE", url, "the storage does not give it", { cause: thrown })
    : translateDownloadError(thrown, url);
}
