/**
 * `GET /view`, which returns outputs. ComfyUI 0.3.64 supports `Content-Length`, a strong `ETag`,
 * `Range` with 206 and `If-Match` with 412. It ignores `If-Range` with an ETag. A missing file is
 * 404 with an empty body. `preview` and `channel` would encode the file again and are never sent.
 */
import { renameSync } from "node:fs";
import { TaskError } from "../domain/errors.js";
import type { OutputFile } from "../domain/task.js";
import { backoffMs } from "../lib/backoff.js";
import { Deadline } from "../lib/deadline.js";
import { isDiskFull } from "../lib/is-disk-full.js";
import { OpeningFile } from "../lib/opening-file.js";
import { removeFile } from "../lib/remove-file.js";
import { type Attempted, callError, isRefused, statusError } from "./comfy-errors.js";
import type { ComfyHttp, OpenAnswer } from "./comfy-http.js";
import { pause } from "./pause.js";
import type { Transfer } from "./transfer.js";

/** A fetched output. */
export interface FetchedOutput {
  readonly sizeBytes: number;
}

/**
 * Fetches an output into the file at `path`. The file appears only when it is complete. Until then
 * it grows as `path` + ".part", which is removed if the fetch fails. After an interruption the
 * fetch resumes if the output is still the same, otherwise it begins again, at most `resumeCount`
 * times in total.
 *
 * @returns undefined if the server does not have the output.
 * @throws TaskError DISK_FULL, and those of the server family
 */
export async function viewToFile(
  http: ComfyHttp,
  output: OutputFile,
  path: string,
  transfer: Transfer & { readonly resumeCount: number },
): Promise<FetchedOutput | undefined> {
  const partPath = `${path}.part`;
  let isWhole = false;
  try {
    const fetched = await fetchWhole(http, output, partPath, transfer);
    if (fetched !== undefined) renameSync(partPath, path);
    isWhole = fetched !== undefined;
    return fetched;
  } finally {
    if (!isWhole) await removeFile(partPath);
  }
}

async function fetchWhole(
  http: ComfyHttp,
  output: OutputFile,
  path: string,
  transfer: Transfer & { readonly resumeCount: number },
): Promise<FetchedOutput | undefined> {
  await using file = new OpeningFile(path, true);
  const part: Part = { receivedBytes: 0, totalBytes: undefined, etag: undefined };
  for (let tryCount = 1; ; tryCount++) {
    const result = await fetchRest(http, output, file, part, transfer).catch(passingOnly);
    if (result === "missing") return undefined;
    if ("sizeBytes" in result) return result;
    if (tryCount > transfer.resumeCount) throw result;
    await pause(backoffMs(tryCount, { baseMs: 100, capMs: 5_000 }), transfer.signal);
  }
}

// A refused connection is not worth a retry: the process is gone and will not be back in a moment.
function passingOnly(error: unknown): TaskError {
  const isCut = error instanceof TaskError && error.code === "SERVER_UNREACHABLE";
  if (isCut && !isRefused(error)) return error;
  throw error;
}

/** The query that names an output. */
export function viewQuery({ filename, subfolder, type }: OutputFile): Record<string, string> {
  return { filename, subfolder, type };
}

/** The received part of an output. */
interface Part {
  receivedBytes: number;
  totalBytes: number | undefined;
  /** A strong ETag. Without it the fetch cannot be resumed. */
  etag: string | undefined;
}

async function fetchRest(
  http: ComfyHttp,
  output: OutputFile,
  file: OpeningFile,
  part: Part,
  transfer: Transfer,
): Promise<FetchedOutput | "missing" | TaskError> {
  const attempted = http.attempted(actionOf(output));
  using deadline = new Deadline(transfer.signal, transfer.idleMs);
  return await http.translated({ ...attempted, signal: transfer.signal }, async () => {
    const request = { path: "/view", query: viewQuery(output), headers: headersFor(part) };
    const answer = await http.open(request, deadline.signal);
    const verdict = await judge(answer, file, part, attempted);
    if (verdict !== "read") {
      await answer.body.dump();
      return verdict === "missing"
        ? verdict
        : callError("SERVER_FAULT", attempted, "the file keeps changing");
    }
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      await append(file, chunk, part);
      deadline.touch();
      transfer.onProgress?.(part.receivedBytes, part.totalBytes);
    }
    const { receivedBytes, totalBytes = receivedBytes } = part;
    if (receivedBytes === totalBytes) return { sizeBytes: receivedBytes };
    throw callError("SERVER_UNREACHABLE", attempted, "connection lost");
  });
}

// Answers after which the fetch begins again: another range than requested; the output has changed;
// it is shorter than the received part.
const RESTART_STATUSES: ReadonlySet<number> = new Set([206, 412, 416]);

function headersFor({ receivedBytes, etag }: Part): Record<string, string> {
  const plain = { "accept-encoding": "identity" };
  if (receivedBytes === 0 || etag === undefined) return plain;
  return { ...plain, range: `bytes=${receivedBytes}-`, "if-match": etag };
}

/** Decides what to do with an answer, and prepares the part for it. */
async function judge(
  answer: OpenAnswer,
  file: OpeningFile,
  part: Part,
  attempted: Attempted,
): Promise<"read" | "missing" | "again"> {
  const { statusCode } = answer;
  if (statusCode === 404) return "missing";
  if (statusCode === 206 && continues(answer, part)) return "read";
  if (statusCode === 200) {
    await restart(file, part);
    const length = header(answer, "content-length") ?? "";
    const etag = header(answer, "etag");
    part.totalBytes = /^\d+$/.test(length) ? Number(length) : undefined;
    part.etag = etag?.startsWith('"') ? etag : undefined;
    return "read";
  }
  if (part.receivedBytes > 0 && RESTART_STATUSES.has(statusCode)) {
    await restart(file, part);
    return "again";
  }
  await answer.body.dump();
  throw statusError(attempted, statusCode);
}

/** Whether a 206 begins exactly where the part ends. */
function continues(answer: OpenAnswer, { receivedBytes, totalBytes }: Part): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(header(answer, "content-range") ?? "");
  return Number(range?.[1]) === receivedBytes && Number(range?.[2]) === totalBytes;
}

async function restart(file: OpeningFile, part: Part): Promise<void> {
  await file.restart();
  part.receivedBytes = 0;
  part.etag = undefined;
  part.totalBytes = undefined;
}

async function append(file: OpeningFile, chunk: Buffer, part: Part): Promise<void> {
  try {
    await file.append(chunk);
    part.receivedBytes += chunk.length;
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

function diskFull(cause: unknown): TaskError {
  return new TaskError("DISK_FULL", "Cannot fetch the result: the disk is full", { cause });
}

function actionOf({ filename }: OutputFile): string {
  return `fetch output "${filename}" from`;
}

function header({ headers }: OpenAnswer, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
