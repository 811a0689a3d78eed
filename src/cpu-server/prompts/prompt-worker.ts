import { setImmediate as turn } from "node:timers/promises";
import { letHeapGrow } from "../let-heap-grow.js";
import type { RunLog } from "../run-log.js";
import { type History, historyTuple } from "./history.js";
import type { PromptQueue, QueuedPrompt } from "./prompt-queue.js";
import { PromptRun, type RunContext } from "./prompt-run.js";

/** The parts of the server that the worker needs. */
export interface WorkerContext extends RunContext {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly log: RunLog;
}

/** The wishes of a `POST /free`. */
export interface FreeRequest {
  readonly unloadModels: boolean;
  /** Empties the node cache, and also unloads models. */
  readonly freeMemory: boolean;
}

/** Takes prompts from the queue and runs them, one after the other. */
export class PromptWorker {
  readonly #context: WorkerContext;
  #freeing: Promise<void> = Promise.resolve();
  #free: FreeRequest = { unloadModels: false, freeMemory: false };

  /** Starts to work, until the process ends. */
  constructor(context: WorkerContext) {
    this.#context = context;
    void this.#work();
  }

  /** Frees memory when no prompt runs. Returns at once. */
  requestFree(request: FreeRequest): void {
    this.#free = {
      unloadModels: this.#free.unloadModels || request.unloadModels,
      freeMemory: this.#free.freeMemory || request.freeMemory,
    };
    if (this.#context.queue.running === undefined) this.#freeing = this.#freeNow();
  }

  async #work(): Promise<never> {
    const { hooks, queue } = this.#context;
    for (let isFirst = true; ; isFirst = false) {
      await hooks.beforeTake?.();
      const item = await queue.take();
      if (isFirst) letHeapGrow();
      // The answer to POST /prompt must be sent before the first event of the run.
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
    // As with ComfyUI, a client that asks right after the last event may not find the history entry
    // yet.
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
