import type { Json } from "../domain/task.js";

/** A local file to store. */
export interface StoredFile {
  /**
   * Where the file is now. After the put it may be removed or replaced, but not written to: a
   * storage on the same file system may share the file with the caller.
   */
  readonly path: string;
  /**
   * `outputs/{task_id}/{file name}` or `uploads/{upload_id}/{file name}`. Segments are not encoded.
   */
  readonly key: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** Options of storing one file. */
export interface PutOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes stored so far, at most a few times a second. The number never falls. */
  readonly onProgress?: (storedBytes: number) => void;
  /** The checkpoint that an earlier put of the same file saved. The put resumes from it. */
  readonly checkpoint?: Json;
  /** Called and awaited when there is a new state to resume from. */
  readonly saveCheckpoint?: (checkpoint: Json) => Promise<void>;
  /**
   * The object appears only once this has resolved; what can be done before is. Where it is rejected, so is
   * the put, with the same, and leaves nothing.
   */
  readonly judged?: Promise<unknown> | undefined;
}

/** Facts about a stored object that are known without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** By the storage's clock. */
  readonly modifiedAt: Date;
}

/** Options of fetching one object. */
export interface GetOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes fetched so far, at most a few times a second. The number never falls. */
  readonly onProgress?: (fetchedBytes: number) => void;
}

/** Where clients can fetch a stored object. */
export interface ObjectUrl {
  /** Absolute. Each segment is percent-encoded. */
  readonly url: string;
  /** When a signed URL expires. Absent: it does not expire. */
  readonly expiresAt?: Date;
}

/**
 * Keeps results and uploads. An object is either completely there or not there at all. Putting the
 * same file under the same key again is harmless.
 */
export interface ObjectStorage extends AsyncDisposable {
  /**
   * Checks cheaply whether results could be stored.
   *
   * @throws TaskError STORAGE_REFUSED that says what to change, UPLOAD_FAILED if the storage is not
   *   reachable.
   */
  probe(signal: AbortSignal): Promise<void>;

  /**
   * Stores a file.
   *
   * @throws TaskError UPLOAD_FAILED (a retry may help), STORAGE_REFUSED (credentials, bucket,
   *   policy), DISK_FULL.
   */
  put(file: StoredFile, options: PutOptions): Promise<void>;

  /** Gives up an unfinished put. Harmless if there is none. */
  discard(key: string, checkpoint: Json | undefined, signal: AbortSignal): Promise<void>;

  /** Where clients can fetch an object. Each call makes a new URL. */
  url(key: string): Promise<ObjectUrl>;

  /**
   * The object that is stored under a key; undefined if there is none.
   *
   * @throws TaskError STORAGE_REFUSED, or UPLOAD_FAILED if the storage is not reachable. The three
   *   methods below throw the same.
   */
  find(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;

  /**
   * Fetches an object into a new local file. The file must not be written to, because it may be the
   * object itself. After a failure, the caller removes what is left of the file. Errors of writing
   * the file are thrown unchanged.
   *
   * @returns false if the object does not exist.
   */
  get(key: string, path: string, options: GetOptions): Promise<boolean>;

  /**
   * Lists every object in `folder`, which ends with a slash, in no order. Includes keys for which a
   * killed put left only an unfinished upload.
   */
  list(folder: string, signal: AbortSignal): AsyncIterable<ObjectInfo>;

  /**
   * Removes an object and the remains of killed puts under its key. Harmless if there is nothing.
   */
  remove(key: string, signal: AbortSignal): Promise<void>;
}
