import { rm } from "node:fs/promises";
import type { ComfyServer } from "../comfy/comfy-server.js";
import { type EndedPrompt, outputPath } from "./upload-stage.js";
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

  begin(prompt: EndedPrompt, comfy: ComfyServer, workDir: WorkDir, signal: AbortSignal): void {
    const [result] = prompt.outputs ?? [];
    if (result === undefined) return;
    const path = outputPath(workDir, prompt.promptId, 0);
    const fetch = async (): Promise<void> => {
      const found = await comfy.viewToFile(result, path, signal);
      if (found?.sizeBytes === 0) await rm(path, { force: true });
    };
    this.#fetching = fetch().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fetching;
  }
}
