import { setImmediate as turn } from "node:timers/promises";
import type { RunLog } from "../run-log.js";
import { type History, historyTuple } from "./history.js";
import type { PromptQueue, QueuedPrompt } from "./prompt-queue.js";
import { PromptRun, type RunContext } from "./prompt-run.js";

/** What the worker works with. */
export interface WorkerContext extends RunContext {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly log: RunLog;
}

/** What `POST /free` asks for. */
export interface FreeRequest {
  readonly unloadModels: boolean;
  /** Also empties the node cache, and unloads models. */
  readonly freeMemory: boolean;
}

/** Takes one prompt after the other from the queue and runs it. */
export class PromptWorker {
  readonly #context: WorkerContext;
  #freeing: Promise<void> = Promise.resolve();
  #free: FreeRequest = { unloadModels: false, freeMemory: false };

  /** Works from now on, until the process ends. */
  constructor(context: WorkerContext) {
    this.#context = context;
    void this.#work();
  }

  /** Frees memory as soon as nothing runs; answers at once. */
  requestFree(request: FreeRequest): void {
    this.#free = {
      unloadModels: this.#free.unloadModels || request.unloadModels,
      freeMemory: this.#free.freeMemory || request.freeMemory,
    };
    if (this.#context.queue.running === undefined) this.#freeing = this.#freeNow();
  }

  async #work(): Promise<never> {
    const { hooks, queue } = this.#context;
    for (;;) {
      await hooks.beforeTake?.();
      const item = await queue.take();
      // The answer to POST /prompt goes out before the first event of the run.
      await turn();
      await this.#run(item);
    }
  }

  async #run(item: QueuedPrompt): Promise<void> {
    const { history, hooks, log, queue } = this.#context;
    await this.#freeing;
    log.write("started", item);
    const run = new PromptRun(this.#context, item);
    const { outcome, ...result } = await run.execute();
    // A client that asks at once on the last event finds no history entry yet, as with ComfyUI.
    await turn();
    await hooks.beforeHistory?.();
    log.write("ended", item, outcome);
    queue.done((asTaken) =>
      history.add(item.promptId, { prompt: historyTuple(asTaken), ...result }),
    );
    run.announceEnd();
    await this.#freeNow();
  }

  async #freeNow(): Promise<void> {
    const { unloadModels, freeMemory } = this.#free;
    this.#free = { unloadModels: false, freeMemory: false };
    if (freeMemory) this.#context.cache.clear();
    if (unloadModels || freeMemory) await this.#context.unloadModels();
  }
}
