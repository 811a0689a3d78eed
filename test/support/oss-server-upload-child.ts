/**
 * A process that puts one file as the service would, with its checkpoint in a file, so that a test
 * can kill it. Its argument is {@link UploadJob} as JSON. It exits with 0 when the file is stored.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { Json } from "../../src/domain/task.js";
import { createLogger } from "../../src/lib/logger.js";
import type { StoredFile } from "../../src/storage/object-storage.js";
import type { OssOptions } from "../../src/storage/oss/options.js";
import { createOssStorage } from "../../src/storage/oss/oss-storage.js";

export interface UploadJob {
  readonly options: OssOptions;
  readonly file: StoredFile;
  readonly checkpointPath: string;
}

const { options, file, checkpointPath } = JSON.parse(process.argv[2] ?? "") as UploadJob;
const saved = await readFile(checkpointPath, "utf8").catch(() => undefined);
await using storage = createOssStorage(options, { logger: createLogger("silent") });
await storage.put(file, {
  signal: new AbortController().signal,
  ...(saved !== undefined && { checkpoint: JSON.parse(saved) as Json }),
  saveCheckpoint: (checkpoint) => writeFile(checkpointPath, JSON.stringify(checkpoint)),
});
