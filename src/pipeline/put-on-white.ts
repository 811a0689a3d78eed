import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { parse } from "node:path";
import { pipeline } from "node:stream/promises";
import { TaskError } from "../domain/errors.js";
import { isDiskFull } from "../lib/is-disk-full.js";
import { loadSharp } from "../lib/load-sharp.js";
import type { ReadyInput } from "./download-stage.js";

/** An input on its way to a server; disposing it removes what was made for that. */
interface SentInput extends ReadyInput, AsyncDisposable {}

/**
 * A picture with white behind all that is transparent, beside the input: whatever colour its transparent pixels have
 * would show on a server that drops alpha.
 *
 * @returns undefined where nothing of it is transparent.
 * @throws TaskError INPUT_DAMAGED, DISK_FULL
 */
export async function putOnWhite(
  { path, name, facts }: ReadyInput,
  signal: AbortSignal,
): Promise<SentInput | undefined> {
  const sharp = await loadSharp();
  const made = `${path}.white.png`;
  const { hasAlpha: _, ...opaque } = facts;
  try {
    const { isOpaque } = await sharp(path, UNBOUNDED).stats();
    signal.throwIfAborted();
    if (isOpaque) return undefined;
    const flat = sharp(path, UNBOUNDED).autoOrient().flatten({ background: "#fff" }).png();
    await pipeline(flat, createWriteStream(made), { signal });
    return {
      path: made,
      name: `${parse(name).name}.png`,
      facts: { ...opaque, mediaType: "image/png", sizeBytes: (await stat(made)).size },
      [Symbol.asyncDispose]: () => rm(made, { force: true }),
    };
  } catch (error) {
    await rm(made, { force: true });
    signal.throwIfAborted();
    throw notPutOnWhite(error);
  }
}

/** The input was checked when it was fetched. */
const UNBOUNDED = { limitInputPixels: false, sequentialRead: true, failOn: "error" } as const;

function notPutOnWhite(cause: unknown): TaskError {
  const message = "Cannot put the picture on white";
  return isDiskFull(cause)
    ? new TaskError("DISK_FULL", `${message}: the disk is full`, { cause })
    : new TaskError("INPUT_DAMAGED", `${message}: it cannot be decoded`, { cause });
}
