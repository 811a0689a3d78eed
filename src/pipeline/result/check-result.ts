import { TaskError } from "../../domain/errors.js";
import { sniffMediaType } from "../../input/probe/sniff-media-type.js";
import type { Logger } from "../../lib/logger.js";
import { untilAborted } from "../../lib/until-aborted.js";
import { isSuspicious, type Promised, wrongContent, wrongShape } from "./judge-result.js";
import type { Look } from "./look.js";
import { lookAtFilm } from "./look-at-film.js";
import { lookAtPicture } from "./look-at-picture.js";

/** A result to be checked. */
export interface ResultToCheck {
  readonly path: string;
  readonly promised: Promised;
  /** The server that made it, for messages. */
  readonly server: string;
  /** Where in the input the result begins, in seconds. @default 0 */
  readonly beginsAtSeconds?: number;
  /** Brings the input: only a suspicious result needs it. */
  readonly input: () => Promise<{ readonly path: string }>;
}

/** Looking takes no longer; a result that could not be looked at by then counts. */
const LOOK_LIMIT_MS = 60_000;

/**
 * Looks at a result before it counts: it has to decode, to have the size and the frames that were
 * promised, and not to be black, of one colour or frozen unless its input is. Types that nothing here
 * decodes count as they are.
 *
 * @throws TaskError BAD_RESULT
 */
export async function checkResult(
  { path, promised, server, input, beginsAtSeconds = 0 }: ResultToCheck,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(LOOK_LIMIT_MS);
  const stop = AbortSignal.any([signal, limit]);
  try {
    const result = await look(path, stop);
    if (result === undefined) return;
    const wrong =
      wrongShape(result, promised) ?? (await wrongBeside(result, input, beginsAtSeconds, stop));
    if (wrong !== undefined) throw badResult(server, wrong);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TaskError && error.code === "BAD_RESULT") throw error;
    if (!limit.aborted) throw badResult(server, "cannot be decoded", error);
    logger.warn({ server, err: error }, "result not looked at in time");
  }
}

/** @returns undefined for a file of a type that is not looked at. */
async function look(
  path: string,
  signal: AbortSignal,
  atSeconds?: readonly number[],
): Promise<Look | undefined> {
  const { mediaType, type } = await sniffMediaType(path);
  if (mediaType === "image/avif" || type === undefined) return undefined;
  return type === "image"
    ? await untilAborted(lookAtPicture(path), signal)
    : await lookAtFilm(path, signal, atSeconds);
}

/** Compares a suspicious result with its input. An input that cannot be had or decoded says nothing about it. */
async function wrongBeside(
  result: Look,
  input: ResultToCheck["input"],
  beginsAtSeconds: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!isSuspicious(result)) return undefined;
  const times = result.frames.map(({ atSeconds }) => atSeconds + beginsAtSeconds);
  const inputLook = await input()
    .then(({ path }) => look(path, signal, times))
    .catch(() => undefined);
  signal.throwIfAborted();
  return inputLook && wrongContent(result, inputLook);
}

function badResult(server: string, wrong: string, cause?: unknown): TaskError {
  const message = `Server "${server}" made no usable result: it ${wrong}`;
  return new TaskError("BAD_RESULT", message, { cause, isUnclear: true });
}
