import { rm } from "node:fs/promises";
import { join } from "node:path";

/** A server's own folders, where this process can reach them. */
export interface ServerFolderPaths {
  readonly input: string;
  readonly output: string;
}

/** ComfyUI has no call that deletes files; where its folders are mounted here, a task's are removed directly. */
export class ServerFolders {
  readonly #paths: ServerFolderPaths;

  constructor(paths: ServerFolderPaths) {
    this.#paths = paths;
  }

  /** Removes what a task left on the server. Only what is below our own folder and the task's name. */
  async remove(taskId: string): Promise<void> {
    for (const path of [this.#paths.input, this.#paths.output])
      await rm(join(path, "tmlsr", taskId), { recursive: true, force: true });
  }
}
