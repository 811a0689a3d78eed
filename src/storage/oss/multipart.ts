import type { PutOptions } from "../object-storage.js";
import { type FileRange, hashRange, OssBody } from "./body.js";
import { checkpointJson, type OssCheckpoint, parseCheckpoint } from "./checkpoint.js";
import type { OssClient, StoredPart } from "./client.js";
import { isNoSuchUpload, OssFailure } from "./failure.js";
import { retrying } from "./retry.js";
import { checkUnchanged, type OssUpload } from "./upload-object.js";

/** The number that Aliyun's own SDKs use. */
const PARALLEL_PARTS = 3;
const MAX_PARTS = 10_000;

/** Stores a file in parts, several at a time. Resumes from the checkpoint if it fits. */
export async function putInParts(upload: OssUpload, options: PutOptions): Promise<void> {
  let checkpoint = parseCheckpoint(options.checkpoint, upload.file.key);
  for (;;) {
    try {
      return await runUpload(upload, checkpoint, options);
    } catch (thrown) {
      if (!isNoSuchUpload(thrown)) throw thrown;
      // Either the upload was completed and its answer was lost, or a lifecycle rule ended it.
      if (await isStored(upload, options.signal)) return;
      if (checkpoint === undefined) throw thrown;
      upload.logger.warn({ key: upload.file.key }, "unfinished upload is gone, beginning anew");
      checkpoint = undefined;
    }
  }
}

/**
 * Whether exactly this file is stored under the key. If the account may not look, the answer is no.
 */
async function isStored(
  { file, fileId, limits, openClient }: OssUpload,
  signal: AbortSignal,
): Promise<boolean> {
  using client = openClient(signal);
  try {
    const found = await retrying(() => client.head(file.key), limits.retry, signal);
    return found.sizeBytes === file.sizeBytes && found.fileId === fileId;
  } catch (thrown) {
    if (thrown instanceof OssFailure && [403, 404].includes(thrown.statusCode ?? 0)) return false;
    throw thrown;
  }
}

async function runUpload(
  upload: OssUpload,
  checkpoint: OssCheckpoint | undefined,
  options: PutOptions,
): Promise<void> {
  const cut = new AbortController();
  const signal = AbortSignal.any([options.signal, cut.signal]);
  using client = upload.openClient(signal);
  const run: Run = { upload, client, signal, cut: (reason) => cut.abort(reason) };
  upload.progress.reset();
  const begun = checkpoint ?? (await begin(run, options));
  const kept = checkpoint === undefined ? [] : await keptParts(run, begun);
  const sent = await sendMissing(run, begun, kept);
  await checkUnchanged(upload);
  const complete = (): Promise<void> =>
    client.completeUpload(upload.file.key, begun.uploadId, [...kept, ...sent]);
  await retrying(complete, upload.limits.retry, signal);
}

/** One running upload in parts. */
interface Run {
  readonly upload: OssUpload;
  readonly client: OssClient;
  readonly signal: AbortSignal;
  /** Aborts all calls of the upload with this reason. */
  readonly cut: (reason: unknown) => void;
}

async function begin(
  { upload, client, signal }: Run,
  { saveCheckpoint }: PutOptions,
): Promise<OssCheckpoint> {
  const { file, headers, limits } = upload;
  const partSizeBytes = Math.max(limits.partSizeBytes, Math.ceil(file.sizeBytes / MAX_PARTS));
  const uploadId = await retrying(
    () => client.beginUpload(file.key, headers),
    limits.retry,
    signal,
  );
  const checkpoint = { key: file.key, uploadId, partSizeBytes };
  await saveCheckpoint?.(checkpointJson(checkpoint));
  return checkpoint;
}

/** The parts that OSS already has and that match the file. All other parts are sent again. */
async function keptParts(
  { upload, client, signal }: Run,
  begun: OssCheckpoint,
): Promise<readonly StoredPart[]> {
  const { file, limits, progress, logger } = upload;
  const listed = await retrying(
    () => client.listParts(file.key, begun.uploadId),
    limits.retry,
    signal,
  );
  const kept: StoredPart[] = [];
  for (const part of listed) {
    const range = rangeOf(part.number, upload, begun);
    if (part.number < 1 || range.endBytes - range.startBytes !== part.sizeBytes) continue;
    if ((await hashRange(range, signal)) !== part.etag.toLowerCase()) continue;
    progress.set(part.number, part.sizeBytes);
    kept.push(part);
  }
  logger.info({ key: file.key, keptCount: kept.length }, "upload resumed");
  return kept;
}

function rangeOf(
  partNumber: number,
  { file }: OssUpload,
  { partSizeBytes }: OssCheckpoint,
): FileRange {
  const startBytes = (partNumber - 1) * partSizeBytes;
  return {
    path: file.path,
    startBytes,
    endBytes: Math.min(startBytes + partSizeBytes, file.sizeBytes),
  };
}

type SentPart = Pick<StoredPart, "number" | "etag">;

/**
 * Sends the missing parts. The first failure aborts the other parts. It is thrown when they have
 * ended.
 */
async function sendMissing(
  run: Run,
  begun: OssCheckpoint,
  kept: readonly StoredPart[],
): Promise<readonly SentPart[]> {
  const partCount = Math.ceil(run.upload.file.sizeBytes / begun.partSizeBytes);
  const numbers = new Set(Array.from({ length: partCount }, (_, index) => index + 1));
  for (const { number } of kept) numbers.delete(number);
  const waiting = numbers.values();
  const sent: SentPart[] = [];
  const sender = async (): Promise<void> => {
    for (const number of waiting) sent.push({ number, etag: await sendPart(run, begun, number) });
  };
  const senders = Array.from({ length: PARALLEL_PARTS }, () => sender().catch(run.cut));
  await Promise.all(senders);
  run.signal.throwIfAborted();
  return sent;
}

async function sendPart(
  { upload, client, signal }: Run,
  begun: OssCheckpoint,
  number: number,
): Promise<string> {
  const { file, limits, progress, logger } = upload;
  const range = rangeOf(number, upload, begun);
  return await retrying(
    () => {
      const body = new OssBody(range, (sentBytes) => progress.set(number, sentBytes));
      return client.sendPart(file.key, begun.uploadId, number, body);
    },
    limits.retry,
    signal,
    (failure) =>
      logger.warn({ err: failure, key: file.key, part: number }, "part failed, trying again"),
  );
}
