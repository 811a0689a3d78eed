import { renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import { TaskError } from "../domain/errors.js";
import { backoffMs } from "../lib/backoff.js";
import { Deadline } from "../lib/deadline.js";
import { defined } from "../lib/defined.js";
import { errorCode } from "../lib/error-code.js";
import type { OpeningFile } from "../lib/opening-file.js";
import { removeFile } from "../lib/remove-file.js";
import type { AddressGuard } from "../net/address-guard.js";
import { createGuardedAgent, type GuardedAgentOptions } from "../net/guarded-agent.js";
import { acceptResponse } from "./accept-response.js";
import { downloadError, translateDownloadError } from "./download-error.js";
import { dispositionName } from "./input-name.js";
import { PartFile } from "./part-file.js";
import { type ReceiveLimits, receiveBody } from "./receive-body.js";
import { RepeatedEnds } from "./repeated-ends.js";
import { type Connection, type InputResponse, requestInput } from "./request-input.js";

const PROGRESS_INTERVAL_MS = 200;

/** An input to download. */
export interface DownloadRequest {
  /** http or https, without credentials. */
  readonly url: string;
  /** The path of the finished file. Until it is complete, the file is at `path` + `.part`. */
  readonly path: string;
  readonly signal: AbortSignal;
  /**
   * Called at most five times a second and at the end, with the bytes on disk and the total size if
   * the origin states it. The number of bytes falls only when the origin forces a new beginning.
   */
  readonly onProgress?: (receivedBytes: number, totalBytes?: number) => void;
  /** Called at each try once the origin is asked, before anything is written: makes the directory of `path`, for instance. */
  readonly onAsked?: () => void;
}

/** Options of a download. */
export interface DownloadOptions extends Partial<DownloadLimits> {
  readonly guard: AddressGuard;
  /** One of {@link openInputAgent} of the same guard. @default one for this download alone */
  readonly agent?: Dispatcher;
  /** @default "tmlsr" */
  readonly userAgent?: string;
}

/** Limits of one download. */
export interface DownloadLimits extends ReceiveLimits, GuardedAgentOptions {
  /** Limit of all tries and pauses together. */
  readonly totalTimeoutMs: number;
  /** How often a download is retried after passing faults. */
  readonly retryCount: number;
  /** Pause before the first retry. It doubles with each retry up to the maximum, with jitter. */
  readonly retryDelayMs: number;
  /**
   * The longest pause. If an origin asks for a longer one with `Retry-After`, the download ends.
   */
  readonly maxRetryDelayMs: number;
}

/** The limits that hold where the caller sets none. */
const DOWNLOAD_DEFAULTS: DownloadLimits = {
  maxBytes: 4 * 1024 ** 3,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  totalTimeoutMs: 3_600_000,
  minBytesPerSecond: 1024,
  speedWindowMs: 30_000,
  retryCount: 5,
  retryDelayMs: 500,
  maxRetryDelayMs: 15_000,
};

/**
 * Opens an agent that many downloads share: inputs that come from one origin soon after each other come over one
 * connection, for which the guard has judged where it leads. Dispose of it after the last one.
 */
export function openInputAgent(guard: AddressGuard): InputAgent {
  const dispatcher = createGuardedAgent(guard, DOWNLOAD_DEFAULTS);
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.destroy() };
}

/** An agent that downloads share. */
export interface InputAgent extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
}

/** A complete input at its path. */
export interface DownloadedInput {
  readonly sizeBytes: number;
  /** The name from Content-Disposition. It is untrusted and not yet a safe file name. */
  readonly suggestedName?: string;
}

/**
 * Downloads an input to a local file. The file appears only when it is complete. An interrupted
 * download is resumed if the origin allows it; passing faults are retried.
 *
 * @throws TaskError at once: INPUT_ADDRESS_NOT_ALLOWED, INPUT_NOT_FOUND, INPUT_REFUSED,
 *   INPUT_TOO_LARGE, INPUT_DAMAGED (broken compression), DISK_FULL.
 * @throws TaskError when the retries are used up: INPUT_UNREACHABLE, INPUT_TRUNCATED,
 *   INPUT_TIMEOUT; INPUT_TRUNCATED for good when the origin ends at the same byte again and again.
 * @throws the reason of `request.signal` when it is aborted.
 */
export async function downloadInput(
  request: DownloadRequest,
  options: DownloadOptions,
): Promise<DownloadedInput> {
  const limits = { ...DOWNLOAD_DEFAULTS, ...options };
  request.signal.throwIfAborted();
  using deadline = new Deadline(request.signal, limits.totalTimeoutMs);
  const { signal } = deadline;
  const agent = options.agent ?? createGuardedAgent(options.guard, limits);
  const connection = { agent, signal };
  const part = new PartFile(`${request.path}.part`);
  try {
    const ends = new RepeatedEnds();
    const attempt = () =>
      receive(request, limits, connection, part).catch((thrown: unknown) => {
        const error = translateDownloadError(thrown, request.url);
        throw ends.judge(error, part.sizeBytes);
      });
    const name = await retryPassing(attempt, limits, signal);
    signal.throwIfAborted();
    renameSync(part.path, request.path);
    request.onProgress?.(part.sizeBytes, part.sizeBytes);
    return { sizeBytes: part.sizeBytes, ...defined({ suggestedName: name }) };
  } catch (thrown) {
    await removeFile(part.path);
    request.signal.throwIfAborted();
    if (!signal.aborted) throw thrown;
    const reason = `it did not end within ${limits.totalTimeoutMs / 1000} s`;
    throw downloadError("INPUT_TIMEOUT", request.url, reason, { cause: thrown });
  } finally {
    if (agent !== options.agent) await agent.destroy();
  }
}

/** One try: downloads the missing bytes of `part` and returns the name that the origin suggests. */
async function receive(
  { url, onProgress, onAsked }: DownloadRequest,
  options: DownloadOptions & DownloadLimits,
  connection: Connection,
  part: PartFile,
): Promise<string | undefined> {
  const headers = {
    "user-agent": options.userAgent ?? "tmlsr",
    accept: "*/*",
    "accept-encoding": "identity",
    ...part.rangeHeaders,
  };
  const answer = requestInput(url, headers, options.guard, connection);
  // Made while the origin answers.
  await using file = openPart(part, answer, onAsked);
  const response = await answer;
  try {
    const codings = acceptResponse(url, response, part, options.maxBytes);
    const report = throttle(() => onProgress?.(part.sizeBytes, part.totalBytes));
    await receiveBody(url, { body: response.body, codings, file }, part, options, report);
    return dispositionName(response.headers["content-disposition"] ?? "");
  } finally {
    response.body.destroy();
  }
}

function openPart(
  part: PartFile,
  answer: Promise<InputResponse>,
  onAsked: DownloadRequest["onAsked"],
): OpeningFile {
  try {
    onAsked?.();
    return part.open();
  } catch (error) {
    answer.then(({ body }) => body.destroy()).catch(() => undefined);
    throw error;
  }
}

function throttle(report: () => void): () => void {
  let nextAt = 0;
  return () => {
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + PROGRESS_INTERVAL_MS;
    report();
  };
}

async function retryPassing<T>(
  attempt: () => Promise<T>,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<T> {
  for (let retryCount = 0; ; retryCount++) {
    try {
      return await attempt();
    } catch (thrown) {
      const delayMs = retryDelayMs(thrown, retryCount, limits);
      if (signal.aborted || delayMs === undefined) throw thrown;
      await sleep(delayMs, undefined, { signal });
    }
  }
}

/** The pause before the next try; undefined if there is no further try. */
function retryDelayMs(
  thrown: unknown,
  retryCount: number,
  limits: DownloadLimits,
): number | undefined {
  if (!(thrown instanceof TaskError) || thrown.family !== "passing") return undefined;
  if (thrown.code === "DISK_FULL" || retryCount >= limits.retryCount) return undefined;
  // DNS says that the name does not exist. That may change before the task's next attempt, but
  // hardly within seconds.
  if (errorCode(thrown.cause) === "ENOTFOUND") return undefined;
  const askedMs = thrown.retryAfterMs ?? 0;
  if (askedMs > limits.maxRetryDelayMs) return undefined;
  const pause = { baseMs: limits.retryDelayMs, capMs: limits.maxRetryDelayMs };
  return Math.max(askedMs, backoffMs(retryCount + 1, pause));
}
