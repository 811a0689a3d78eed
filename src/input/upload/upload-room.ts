import { TaskError } from "../../domain/errors.js";

/** What uploads that have not ended may take together. */
export interface UploadRoomLimits {
  /** How many there may be at once. */
  readonly maxCount: number;
  /** What they may take on the disk; no less than the largest upload. */
  readonly maxTotalBytes: number;
}

/** What one upload takes of the room, given back by disposing of it. */
export interface RoomShare extends Disposable {
  /**
   * Tells how large the upload is by now.
   *
   * @throws TaskError TOO_MANY_UPLOADS if there is no room for that.
   */
  grow(sizeBytes: number): void;
}

const RETRY_AFTER_MS = 10_000;

/** Bounds the uploads that are coming in or are being stored, and what they take on the disk meanwhile. */
export class UploadRoom {
  readonly #limits: UploadRoomLimits;
  #count = 0;
  #totalBytes = 0;

  constructor(limits: UploadRoomLimits) {
    this.#limits = limits;
  }

  /**
   * Takes room for an upload.
   *
   * @param declaredBytes what its client says that it will be; it is sure of that much.
   * @throws TaskError TOO_MANY_UPLOADS.
   */
  enter(declaredBytes: number): RoomShare {
    const { maxCount } = this.#limits;
    if (this.#count >= maxCount)
      throw full(`${maxCount} uploads at once are as many as TMLSR_UPLOAD_MAX_COUNT allows`);
    let takenBytes = 0;
    const grow = (sizeBytes: number): void => {
      const moreBytes = Math.max(0, sizeBytes - takenBytes);
      this.#take(moreBytes);
      takenBytes += moreBytes;
    };
    grow(declaredBytes);
    this.#count += 1;
    let isHeld = true;
    const leave = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#count -= 1;
      this.#totalBytes -= takenBytes;
    };
    return { grow, [Symbol.dispose]: leave };
  }

  #take(moreBytes: number): void {
    if (this.#totalBytes + moreBytes > this.#limits.maxTotalBytes)
      throw full("uploads that have not ended take as much as TMLSR_UPLOAD_UNFINISHED_MB allows");
    this.#totalBytes += moreBytes;
  }
}

function full(reason: string): TaskError {
  const message = `Cannot take the upload: ${reason}; try again later`;
  return new TaskError("TOO_MANY_UPLOADS", message, { retryAfterMs: RETRY_AFTER_MS });
}
