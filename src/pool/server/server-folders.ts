import { rm } from "node:fs/promises";
import { join } from "node:path";

/** A server's own folders, where this process can reach them. */
export interface ServerFolderPaths {
  readonly input: string;
  readonly output: string;
}

/**
 * Removes files of tasks directly in a server's folders, where these are mounted here: ComfyUI has
 * no call that deletes files.
 */
export class ServerFolders {
  readonly #paths: ServerFolderPaths;

  constructor(paths: ServerFolderPaths) {
    this.#paths = paths;
  }

  /**
   * Removes files that a task left on the server, only below our own folder and the task's name.
   */
  async remove(taskId: string): Promise<void> {
    for (const path of [this.#paths.input, this.#paths.output])
      await rm(join(path, "tmlsr", taskId), { recursive: true, force: true });
  }
}
