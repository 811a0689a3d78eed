import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { inlineDisposition } from "../../lib/inline-disposition.js";
import type { Logger } from "../../lib/logger.js";
import type { StoredFile } from "../object-storage.js";
import { SourceError } from "./body.js";
import type { ObjectHeaders, OssClient } from "./client.js";
import { OssProgress } from "./progress.js";
import type { RetryOptions } from "./retry.js";

/** How uploads are made. */
export interface UploadLimits {
  /** Of a part; a file that is no larger is sent in one piece. At least 100 KiB, which OSS demands. */
  readonly partSizeBytes: number;
  readonly retry: RetryOptions;
}

/** What an upload is made with. */
export interface UploadContext {
  readonly limits: UploadLimits;
  readonly logger: Logger;
  /** Makes a client whose calls are cut by the signal. */
  readonly openClient: (signal: AbortSignal) => OssClient;
}

/** One file on its way to OSS. */
export interface OssUpload extends UploadContext {
  readonly file: StoredFile;
  /** Another for a file that was written anew. */
  readonly fileId: string;
  readonly headers: ObjectHeaders;
  readonly progress: OssProgress;
}

/** Looks at a file that is to be uploaded. @throws SourceError if it is gone or has another size */
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

/** Looks again. @throws SourceError if the file is no longer the same */
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
