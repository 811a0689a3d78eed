import { randomUUID } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { translateUploadError, uploadError } from "./upload-error.js";
import { type RoomShare, UploadRoom, type UploadRoomLimits } from "./upload-room.js";
import { withIdleLimit } from "./with-idle-limit.js";

/** Limits for a client that sends a file. */
export interface SpoolLimits extends UploadRoomLimits {
  /** The largest size of one upload. */
  readonly maxBytes: number;
  /** The longest pause between two pieces of the file. */
  readonly idleMs: number;
}

/** A file that was received completely. Disposing removes it and gives its room back. */
export interface SpoolFile extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The directory for uploads that are being received. It belongs to this process alone. */
export class Spool {
  readonly #directory: string;
  readonly #limits: SpoolLimits;
  readonly #room: UploadRoom;

  private constructor(directory: string, limits: SpoolLimits) {
    this.#directory = directory;
    this.#limits = limits;
    this.#room = new UploadRoom(limits);
  }

  /** Opens the directory and removes what a killed process left there. */
  static async open(directory: string, limits: SpoolLimits): Promise<Spool> {
    await rm(directory, { recursive: true, force: true });
    return new Spool(directory, limits);
  }

  /**
   * Writes all of `content` to a file, no faster than the disk takes it. If this fails, nothing is
   * left.
   *
   * @param declaredBytes the size that the client announced. Room for it is kept from the start.
   * @throws TaskError TOO_MANY_UPLOADS, INPUT_TOO_LARGE, INPUT_TIMEOUT (a pause was too long),
   *   INVALID_REQUEST (the file is empty), DISK_FULL; the reason of the signal; errors of `content`.
   */
  async receive(
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    declaredBytes = 0,
  ): Promise<SpoolFile> {
    const share = this.#room.enter(declaredBytes);
    const path = join(this.#directory, randomUUID());
    const dispose = () => rm(path, { force: true }).finally(() => share[Symbol.dispose]());
    try {
      await mkdir(this.#directory, { recursive: true });
      const sizeBytes = await this.#write(content, path, share, signal);
      if (sizeBytes === 0) throw uploadError("INVALID_REQUEST", "it is empty");
      return { path, sizeBytes, [Symbol.asyncDispose]: dispose };
    } catch (thrown) {
      await dispose();
      throw translateUploadError(thrown);
    }
  }

  async #write(
    content: AsyncIterable<Uint8Array>,
    path: string,
    share: RoomShare,
    signal: AbortSignal,
  ): Promise<number> {
    const { maxBytes, idleMs } = this.#limits;
    const onIdle = () => uploadError("INPUT_TIMEOUT", `nothing came for ${idleMs / 1000} seconds`);
    await using file = await open(path, "wx");
    let sizeBytes = 0;
    for await (const chunk of withIdleLimit(content, idleMs, signal, onIdle)) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw uploadTooLarge(`it has at least ${sizeBytes}`, maxBytes);
      share.grow(sizeBytes);
      await file.appendFile(chunk);
    }
    return sizeBytes;
  }
}

/** @param what the known size, e.g. `it has 5`, in bytes. */
export function uploadTooLarge(what: string, maxBytes: number): Error {
  return uploadError("INPUT_TOO_LARGE", `${what} bytes, more than the limit of ${maxBytes}`);
}
