import type { Json } from "../../domain/task.js";
import type { ObjectStorage, StoredFile } from "../../storage/object-storage.js";
import { dispositionName, prettyName } from "../input-name.js";
import { requireMedia } from "../probe/require-media.js";
import { Spool, type SpoolLimits, uploadTooLarge } from "./spool.js";
import type { UploadAccount } from "./upload-account.js";
import { newUploadKey, UPLOAD_SCHEME, uploadUrl } from "./upload-key.js";

/** A file as a client sends it. */
export interface UploadBody extends AsyncIterable<Uint8Array> {
  /**
   * The name that the client gives the file. It is untrusted, and final only when the whole file
   * has arrived.
   */
  readonly fileName: string | undefined;
}

/** Options of taking an upload. */
export interface TakeOptions {
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** The size in bytes that the client announced. */
  readonly declaredBytes?: number;
  /** A Content-Disposition header, which may name the file if the body does not. */
  readonly disposition?: string;
  /** Where the room of the upload is noted. @default nowhere */
  readonly account?: Pick<UploadAccount, "check" | "enter" | "leave">;
}

/** A file that is kept for later tasks. */
export interface Upload {
  /** `upload://...`, which can be the `url` of a task. */
  readonly url: string;
  readonly sizeBytes: number;
  /** Found by the content. */
  readonly mediaType: string;
  /** Tasks can be created with the upload until this time. */
  readonly expiresAt: Date;
}

/** Options of {@link Uploads}. */
export interface UploadsOptions extends SpoolLimits {
  readonly storage: Pick<ObjectStorage, "put" | "discard" | "remove">;
  /** A directory that belongs to this process. Its content is removed at the start. */
  readonly spoolDirectory: string;
  /** How long after an upload tasks can be created with it. */
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
   * Takes a file. The file is kept when this returns. If the upload fails or the client
   * disconnects, nothing is left.
   *
   * @throws TaskError TOO_MANY_UPLOADS, INPUT_TOO_LARGE (announced or counted), INPUT_TIMEOUT (a pause
   *   was too long), INVALID_REQUEST (the file is empty), INPUT_TYPE_UNSUPPORTED (neither image nor
   *   video), DISK_FULL, UPLOAD_FAILED, STORAGE_REFUSED, TENANT_FULL.
   * @throws the reason of the signal; errors of `body`.
   */
  async take(body: UploadBody, options: TakeOptions): Promise<Upload> {
    const { maxBytes, ttlMs } = this.#options;
    const { signal, declaredBytes = 0, disposition = "", account } = options;
    if (declaredBytes > maxBytes) throw uploadTooLarge(`it has ${declaredBytes}`, maxBytes);
    await account?.check(declaredBytes);
    await using file = await this.#spool.receive(body, signal, declaredBytes);
    const { path, sizeBytes } = file;
    const { mediaType, extension } = await requireMedia(path);
    const key = newUploadKey(nameOf(body.fileName || dispositionName(disposition), extension));
    const expiresAt = new Date(Date.now() + ttlMs);
    await account?.enter(key, sizeBytes);
    await this.#keep({ path, key, sizeBytes, mediaType }, signal, account);
    return { url: uploadUrl(key), sizeBytes, mediaType, expiresAt };
  }

  async #keep(
    file: StoredFile,
    signal: AbortSignal,
    account: TakeOptions["account"],
  ): Promise<void> {
    const { storage } = this.#options;
    let checkpoint: Json | undefined;
    const saveCheckpoint = async (saved: Json) => {
      checkpoint = saved;
    };
    try {
      await storage.put(file, { signal, saveCheckpoint });
    } catch (thrown) {
      const limit = AbortSignal.timeout(CLEANUP_MS);
      // If the storage is not reachable now, the sweeper removes the remains later.
      await storage.discard(file.key, checkpoint, limit).catch(() => undefined);
      await storage.remove(file.key, limit).catch(() => undefined);
      await account?.leave(file.key).catch(() => undefined);
      throw thrown;
    }
  }
}

function nameOf(suggested: string | undefined, extension: string): string {
  return prettyName({ suggested, url: `${UPLOAD_SCHEME}//`, taskId: "upload", extension });
}
