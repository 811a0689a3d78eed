import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { inlineDisposition } from "../../lib/inline-disposition.js";
import type { Logger } from "../../lib/logger.js";
import type { StoredFile } from "../object-storage.js";
import { SourceError } from "./body.js";
import type { ObjectHeaders, OssClient } from "./client.js";
import { OssProgress } from "./progress.js";
import type { RetryOptions } from "./retry.js";

/** Limits of uploads. */
export interface UploadLimits {
  /**
   * Size of a part. A file up to this size is sent in one piece. At least 100 KiB, the minimum of
   * OSS.
   */
  readonly partSizeBytes: number;
  readonly retry: RetryOptions;
}

/** The objects that an upload needs. */
export interface UploadContext {
  readonly limits: UploadLimits;
  readonly logger: Logger;
  /** Makes a client. The signal aborts its calls. */
  readonly openClient: (signal: AbortSignal) => OssClient;
}

/** One file that is being uploaded to OSS. */
export interface OssUpload extends UploadContext {
  readonly file: StoredFile;
  /** Identifies the version of the file. A rewritten file has another id. */
  readonly fileId: string;
  readonly headers: ObjectHeaders;
  readonly progress: OssProgress;
}

/**
 * Looks at a file before its upload. @throws SourceError if it does not exist or has another size
 */
export async function beginUpload(
  context: UploadContext,
  file: StoredFile,
  onProgress: ((storedBytes: number) => void) | undefined,
): Promise<OssUpload> {
  const fileId = await identify(file);
  const contentDisposition = inlineDisposition(basename(file.key));
  return {
    ...context,
    ...{ file, fileId },
    headers: { mediaType: file.mediaType, contentDisposition, fileId },
    progress: new OssProgress(onProgress),
  };
}

/** Looks at the file again. @throws SourceError if it has changed */
export async function checkUnchanged({ file, fileId }: OssUpload): Promise<void> {
  if ((await identify(file)) !== fileId) throw new SourceError("the local file changed meanwhile");
}

async function identify({ path, sizeBytes }: StoredFile): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw new SourceError("the local file is gone", { cause });
  });
  if (size === BigInt(sizeBytes)) return `${size}-${mtimeNs}`;
  throw new SourceError(`the local file has ${size} bytes, not ${sizeBytes}`);
}
