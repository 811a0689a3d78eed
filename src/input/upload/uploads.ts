import type { Json } from "../../domain/task.js";
import type { ObjectStorage, StoredFile } from "../../storage/object-storage.js";
import { dispositionName, prettyName } from "../input-name.js";
import { requireMedia } from "../require-media.js";
import { Spool, type SpoolLimits, uploadTooLarge } from "./spool.js";
import { newUploadKey, UPLOAD_SCHEME, uploadUrl } from "./upload-key.js";

/** What a client sends. */
export interface UploadBody extends AsyncIterable<Uint8Array> {
  /** What the client calls the file: untrusted, and known for sure only once all of it has come. */
  readonly fileName: string | undefined;
}

/** How an upload is taken. */
export interface TakeOptions {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** What the client says that its size will be. */
  readonly declaredBytes?: number;
  /** A Content-Disposition header, which may name the file where the body does not. */
  readonly disposition?: string;
}

/** A file that is kept for tasks to come. */
export interface Upload {
  /** `upload://...`: the `url` of tasks. */
  readonly url: string;
  readonly sizeBytes: number;
  /** By its content. */
  readonly mediaType: string;
  /** Until when a task can be created with it. */
  readonly expiresAt: Date;
}

/** What {@link Uploads} works with. */
export interface UploadsOptions extends SpoolLimits {
  readonly storage: Pick<ObjectStorage, "put" | "discard" | "remove">;
  /** A directory of this process's own; what is in it is removed at the start. */
  readonly spoolDirectory: string;
  /** How long tasks can be created with an upload. */
  readonly ttlMs: number;
}

const CLEANUP_MS = 10_000;

/** Takes files from clients and keeps them where every replica finds them. */
export class Uploads {
  readonly #options: UploadsOptions;
  readonly #spool: Spool;

  private constructor(options: UploadsOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
  }

  static async open(options: UploadsOptions): Promise<Uploads> {
    return new Uploads(options, await Spool.open(options.spoolDirectory, options));
  }

  /**
   * Takes a file: once this returns it is kept. Nothing is left of one that fails, or whose client
   * goes before.
   *
   * @throws TaskError INPUT_TOO_LARGE (declared or counted), INPUT_TIMEOUT (nothing came for too long),
   *   INVALID_REQUEST (it is empty), INPUT_TYPE_UNSUPPORTED (neither image nor video), DISK_FULL,
   *   UPLOAD_FAILED, STORAGE_REFUSED; the reason of the signal; what `body` throws.
   */
  async take(body: UploadBody, options: TakeOptions): Promise<Upload> {
    const { maxBytes, ttlMs } = this.#options;
    const { signal, declaredBytes = 0, disposition = "" } = options;
    if (declaredBytes > maxBytes) throw uploadTooLarge(`it has ${declaredBytes}`, maxBytes);
    await using file = await this.#spool.receive(body, signal);
    const { path, sizeBytes } = file;
    const { mediaType, extension } = await requireMedia(path);
    const key = newUploadKey(nameOf(body.fileName || dispositionName(disposition), extension));
    const expiresAt = new Date(Date.now() + ttlMs);
    await this.#keep({ path, key, sizeBytes, mediaType }, signal);
    return { url: uploadUrl(key), sizeBytes, mediaType, expiresAt };
  }

  async #keep(file: StoredFile, signal: AbortSignal): Promise<void> {
    const { storage } = this.#options;
    let checkpoint: Json | undefined;
    const saveCheckpoint = async (saved: Json) => {
      checkpoint = saved;
    };
    try {
      await storage.put(file, { signal, saveCheckpoint });
    } catch (thrown) {
      const limit = AbortSignal.timeout(CLEANUP_MS);
      // Where the storage is out of reach, the sweep finds later what there is.
      await storage.discard(file.key, checkpoint, limit).catch(() => undefined);
      await storage.remove(file.key, limit).catch(() => undefined);
      throw thrown;
    }
  }
}

function nameOf(suggested: string | undefined, extension: string): string {
  return prettyName({ suggested, url: `${UPLOAD_SCHEME}//`, taskId: "upload", extension });
}
