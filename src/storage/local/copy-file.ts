import { createReadStream, createWriteStream } from "node:fs";
import { link } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { errorCode } from "../../lib/error-code.js";

const COPY_BYTES = 1024 * 1024;
const PROGRESS_INTERVAL_MS = 200;

/**
 * Error codes of `link` where a hard link is not possible: another file system, or one without hard
 * links.
 */
const CANNOT_LINK: readonly string[] = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "ENOSYS"];

/** Options for the case that a copy is needed. */
export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes copied so far, five times a second. */
  readonly onProgress?: (copiedBytes: number) => void;
}

/** Gives a file a second name. If the file system cannot do that, the file is copied. */
export async function linkOrCopy(from: string, to: string, options: CopyOptions): Promise<void> {
  try {
    await link(from, to);
  } catch (thrown) {
    if (!CANNOT_LINK.includes(errorCode(thrown))) throw thrown;
    await copy(from, to, options);
  }
}

async function copy(
  from: string,
  to: string,
  { signal, onProgress = () => {} }: CopyOptions,
): Promise<void> {
  const source = createReadStream(from, { highWaterMark: COPY_BYTES });
  const target = createWriteStream(to, { flags: "wx", highWaterMark: COPY_BYTES });
  const timer = setInterval(() => onProgress(target.bytesWritten), PROGRESS_INTERVAL_MS);
  try {
    await pipeline(source, target, { signal });
  } finally {
    clearInterval(timer);
  }
}
