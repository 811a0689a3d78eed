import type { PutOptions, StoredFile } from "../object-storage.js";
import { OssBody } from "./body.js";
import { putInParts } from "./multipart.js";
import { retrying } from "./retry.js";
import { beginUpload, type OssUpload, type UploadContext } from "./upload-object.js";

/**
 * Stores a file: a small one with one call, a larger one in parts.
 *
 * @throws OssFailure; SourceError; TaskError if there are no credentials; the signal's reason
 */
export async function putFile(
  context: UploadContext,
  file: StoredFile,
  options: PutOptions,
): Promise<void> {
  const upload = await beginUpload(context, file, options.onProgress);
  if (file.sizeBytes <= upload.limits.partSizeBytes) await putWhole(upload, options.signal);
  else await putInParts(upload, options);
  upload.progress.finish();
}

async function putWhole(upload: OssUpload, signal: AbortSignal): Promise<void> {
  const { file, headers, progress, limits, logger } = upload;
  using client = upload.openClient(signal);
  const range = { path: file.path, startBytes: 0, endBytes: file.sizeBytes };
  await retrying(
    () => client.put(file.key, new OssBody(range, (sent) => progress.set(1, sent)), headers),
    limits.retry,
    signal,
    (failure) => logger.warn({ err: failure, key: file.key }, "upload failed, trying again"),
  );
}
