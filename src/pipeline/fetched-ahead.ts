import { rm } from "node:fs/promises";
import type { ComfyServer } from "../comfy/comfy-server.js";
import type { TaskJournal } from "./task-journal.js";
import { type EndedPrompt, fetchedRatio, outputPath } from "./upload-stage.js";
import type { WorkDir } from "./work-dir.js";

/**
 * Fetches a prompt's result from its server while it is stored that the prompt has ended. A failure is no news:
 * the result is fetched again by whoever needs it.
 */
export class FetchedAhead implements AsyncDisposable {
  #fetching: Promise<void> | undefined;

  /** Resolves when it is here or failed; undefined while nothing was begun. */
  get ended(): Promise<void> | undefined {
    return this.#fetching;
  }

  begin(
    { promptId, outputs = [] }: EndedPrompt,
    comfy: ComfyServer,
    workDir: WorkDir,
    journal: Pick<TaskJournal, "signal" | "dispatch" | "progress">,
  ): void {
    const [result] = outputs;
    if (result === undefined) return;
    const path = outputPath(workDir, promptId, 0);
    const part = { from: 0, share: 1 / outputs.length };
    const onProgress = (bytes: number, totalBytes: number | undefined): void => {
      // Before that is stored, the upload has not begun.
      if (journal.dispatch?.phase === "done")
        journal.progress({ stage: "upload", ratio: fetchedRatio(part, bytes, totalBytes) });
    };
    const fetch = async (): Promise<void> => {
      const found = await comfy.viewToFile(result, path, journal.signal, onProgress);
      if (found?.sizeBytes === 0) await rm(path, { force: true });
    };
    this.#fetching = fetch().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fetching;
  }
}
