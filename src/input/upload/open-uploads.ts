import type { Logger } from "../../lib/logger.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import type { TaskReading } from "../../store/task-reading.js";
import type { InputSource } from "../input-source.js";
import { UploadSource } from "./upload-source.js";
import { UploadSweeper } from "./upload-sweeper.js";
import { Uploads, type UploadsOptions } from "./uploads.js";

/** Options of {@link openUploads}. */
export interface OpenUploadsOptions extends UploadsOptions {
  readonly storage: ObjectStorage;
  readonly store: Pick<TaskReading, "list">;
  readonly logger: Logger;
}

/** The parts of the upload feature, from the client to the task. */
export interface OpenedUploads extends AsyncDisposable {
  /** Takes files from clients. */
  readonly uploads: Uploads;
  /** Gives uploaded files to tasks. */
  readonly source: InputSource;
}

/**
 * Opens the parts that take uploads, give them to tasks and remove them when they expire. Disposing
 * stops all of them.
 */
export async function openUploads(options: OpenUploadsOptions): Promise<OpenedUploads> {
  const uploads = await Uploads.open(options);
  const sweeper = new UploadSweeper(options);
  return {
    uploads,
    source: new UploadSource(options),
    [Symbol.asyncDispose]: () => sweeper[Symbol.asyncDispose](),
  };
}
