import type { Json } from "../domain/task.js";

/** A local file to be kept. */
export interface StoredFile {
  /**
   * Where it is now. It must not be written to from then on, only removed or replaced: a storage on
   * the same file system may keep the file itself.
   */
  readonly path: string;
  /** `outputs/{task_id}/{file name}` or `uploads/{upload_id}/{file name}`; segments are not encoded. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** How to store one file. */
export interface PutOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes stored so far, never falling, at most a few times a second. */
  readonly onProgress?: (storedBytes: number) => void;
  /** What an earlier put of the same file saved, to go on from there. */
  readonly checkpoint?: Json;
  /** Called whenever there is something worth going on from; awaited. */
  readonly saveCheckpoint?: (checkpoint: Json) => Promise<void>;
}

/** What is known of a stored object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** By the clock of the storage. */
  readonly modifiedAt: Date;
}

/** How to fetch one object. */
export interface GetOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes fetched so far, never falling, at most a few times a second. */
  readonly onProgress?: (fetchedBytes: number) => void;
}

/** Where a stored object can be fetched. */
export interface ObjectUrl {
  /** Absolute, each segment percent-encoded. */
  readonly url: string;
  /** Until when a signed URL holds; absent where it holds for good. */
  readonly expiresAt?: Date;
}

/**
 * Where results and uploads are kept. An object is there whole or not at all, and putting the same file under
 * the same key again is harmless.
 */
export interface ObjectStorage extends AsyncDisposable {
  /**
   * Tries cheaply whether results could be stored.
   *
   * @throws TaskError STORAGE_REFUSED saying in one sentence what to change, UPLOAD_FAILED when out of reach.
   */
  probe(signal: AbortSignal): Promise<void>;

  /**
   * Stores a file.
   *
   * @throws TaskError UPLOAD_FAILED (worth a retry), STORAGE_REFUSED (credentials, bucket, policy), DISK_FULL.
   */
  put(file: StoredFile, options: PutOptions): Promise<void>;

  /** Gives up an unfinished put; harmless when there is none. */
  discard(key: string, checkpoint: Json | undefined, signal: AbortSignal): Promise<void>;

  /** Where an object can be fetched; made afresh at each call. */
  url(key: string): Promise<ObjectUrl>;

  /**
   * What is stored under a key; undefined: nothing.
   *
   * @throws TaskError STORAGE_REFUSED, UPLOAD_FAILED when out of reach, as the three below do.
   */
  find(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;

  /**
   * Fetches an object into a local file that is not there yet, which must not be written to: it may
   * be the object itself. What a failure leaves of it is the caller's to remove. Errors of writing
   * the file come as they are.
   *
   * @returns false if there is no such object.
   */
  get(key: string, path: string, options: GetOptions): Promise<boolean>;

  /** Every object below `folder`, which ends with a slash, in no order; also a key with nothing but what a killed put left. */
  list(folder: string, signal: AbortSignal): AsyncIterable<ObjectInfo>;

  /** Removes an object and what a killed put left under its key; harmless where there is nothing. */
  remove(key: string, signal: AbortSignal): Promise<void>;
}
