import type { Logger } from "../../lib/logger.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import type { TaskReading } from "../../store/task-reading.js";
import type { InputSource } from "../input-source.js";
import type { SpoolLimits } from "./spool.js";
import { UploadSource } from "./upload-source.js";
import { UploadSweeper } from "./upload-sweeper.js";
import { Uploads } from "./uploads.js";

/** What {@link openUploads} needs. */
export interface OpenUploadsOptions extends SpoolLimits {
  readonly storage: ObjectStorage;
  readonly store: Pick<TaskReading, "list">;
  /** A directory of this process's own; what is in it is removed. */
  readonly spoolDirectory: string;
  /** How long tasks can be created with an upload. */
  readonly ttlMs: number;
  readonly logger: Logger;
}

/** Uploads from the client to the task. */
export interface OpenedUploads extends AsyncDisposable {
  /** Takes files. */
  readonly uploads: Uploads;
  /** Gives them to tasks. */
  readonly source: InputSource;
}

/** Opens what takes uploads, what gives them to tasks, and what removes them, until it is disposed. */
export async function openUploads(options: OpenUploadsOptions): Promise<OpenedUploads> {
  const uploads = await Uploads.open(options);
  const sweeper = new UploadSweeper(options);
  return {
    uploads,
    source: new UploadSource(options),
    [Symbol.asyncDispose]: () => sweeper[Symbol.asyncDispose](),
  };
}
