import { type Json, type JsonObject, ownValue } from "../json.js";
import {
  isLink,
  type NodeClass,
  type NodeClasses,
  type NodeResult,
  type ResolvedInputs,
} from "../nodes/node-class.js";
import { describeThrown, PythonError } from "../python-text.js";
import type { Outcome } from "../run-log.js";
import type { ServerHooks } from "../server-hooks.js";
import type { SocketHub } from "../socket-hub.js";
import type { HistoryEntry } from "./history.js";
import { Interrupted, type Interruption } from "./interruption.js";
import type { NodeCache } from "./node-cache.js";
import { NodeOrder } from "./node-order.js";
import { Progress } from "./progress.js";
import type { QueuedPrompt } from "./prompt-queue.js";

/** The parts of the server that a run needs. */
export interface RunContext {
  readonly nodes: NodeClasses;
  readonly cache: NodeCache;
  readonly interruption: Interruption;
  readonly sockets: SocketHub;
  readonly hooks: ServerHooks;
  /** Frees all memory of models, as ComfyUI does after running out of memory. */
  readonly unloadModels: () => Promise<void>;
}

/** The result of a run: the history entry without the queue item. */
export interface RunResult extends Pick<HistoryEntry, "outputs" | "status" | "meta"> {
  readonly outcome: Outcome;
}

/** One run of one prompt. It sends ComfyUI's events in ComfyUI's order. */
export class PromptRun {
  readonly #context: RunContext;
  readonly #item: QueuedPrompt;
  readonly #clientId: Json;
  readonly #progress: Progress;
  readonly #messages: [string, JsonObject][] = [];
  readonly #executed: string[] = [];
  #node = "";
  #inputs: ResolvedInputs = {};

  constructor(context: RunContext, item: QueuedPrompt) {
    this.#context = context;
    this.#item = item;
    this.#clientId = ownValue(item.extraData, "client_id") ?? null;
    // Without a client id, progress is sent to all clients, and most other events to nobody.
    this.#progress = new Progress(item.promptId, (data) => this.#broadcast("progress_state", data));
  }

  /** Runs the prompt to its end, good or bad. Never rejects. */
  async execute(): Promise<RunResult> {
    this.#context.interruption.clear();
    this.#record("execution_start", {});
    const outcome = await this.#executeNodes();
    this.#context.sockets.executing = undefined;
    return {
      outcome,
      ...this.#shown(),
      status: {
        status_str: outcome === "success" ? "success" : "error",
        completed: outcome === "success",
        messages: this.#messages,
      },
    };
  }

  /** Sends the prompt's last event. Call it when the history entry exists. */
  announceEnd(): void {
    this.#tell("executing", { node: null, prompt_id: this.#item.promptId });
  }

  async #executeNodes(): Promise<Outcome> {
    const { cache, nodes } = this.#context;
    const { prompt, outputNodes } = this.#item;
    try {
      await cache.begin(prompt);
      const isCached = (id: string) => cache.values(id) !== undefined;
      this.#record("execution_cached", { nodes: Object.keys(prompt).filter(isCached) });
      const order = new NodeOrder(prompt, nodes, outputNodes, isCached);
      for (let id = order.next(); id !== undefined; id = order.next()) {
        await (isCached(id) ? this.#repeat(id) : this.#execute(id));
        order.done(id);
      }
      this.#progress.finishAll();
      this.#record("execution_success", {});
      return "success";
    } catch (thrown) {
      return await this.#fail(thrown);
    }
  }

  /** A cached output node sends its old output again. */
  #repeat(nodeId: string): void {
    const output = this.#context.cache.ui(nodeId)?.output ?? null;
    this.#tellNode("executed", nodeId, { output });
    this.#progress.finish(nodeId);
  }

  async #execute(nodeId: string): Promise<void> {
    const { cache, hooks, interruption, sockets } = this.#context;
    const nodeClass = this.#classOf(nodeId);
    const run = { classType: nodeClass.name, nodeId, promptId: this.#item.promptId };
    this.#node = nodeId;
    this.#inputs = {};
    this.#progress.start(nodeId);
    this.#inputs = this.#resolveInputs(nodeId);
    if (this.#clientId !== null) sockets.executing = { clientId: this.#clientId, nodeId };
    this.#tellNode("executing", nodeId, {});
    interruption.check();
    await hooks.beforeNode?.(run);
    const made = await nodeClass.execute(this.#inputs, {
      nodeId,
      promptId: this.#item.promptId,
      progress: (value, max) => this.#tick(nodeId, value, max),
    });
    this.#keep(nodeId, (await hooks.afterNode?.(made)) ?? made);
    cache.setValues(nodeId, made.values);
    if (made.isPending !== true) this.#progress.finish(nodeId);
    this.#executed.push(nodeId);
  }

  #tick(nodeId: string, value: number, max: number): void {
    this.#context.interruption.check();
    this.#progress.update(nodeId, value, max);
    this.#broadcast("progress", { value, max, prompt_id: this.#item.promptId, node: nodeId });
  }

  #keep(nodeId: string, { ui }: NodeResult): void {
    if (ui === undefined) return;
    const meta = { node_id: nodeId, display_node: nodeId, parent_node: null, real_node_id: nodeId };
    this.#context.cache.setUi(nodeId, { output: ui, meta });
    this.#tellNode("executed", nodeId, { output: ui });
  }

  #classOf(nodeId: string): NodeClass {
    const classType = ownValue(this.#item.prompt, nodeId)?.class_type ?? "";
    const nodeClass = this.#context.nodes.get(classType);
    if (nodeClass === undefined) throw new PythonError("KeyError", `'${classType}'`);
    return nodeClass;
  }

  #resolveInputs(nodeId: string): ResolvedInputs {
    const inputs = ownValue(this.#item.prompt, nodeId)?.inputs ?? {};
    const resolved = Object.entries(inputs).map(([name, value]) => {
      if (!isLink(value)) return [name, value];
      return [name, this.#context.cache.values(value[0])?.at(value[1])];
    });
    return Object.fromEntries(resolved);
  }

  async #fail(thrown: unknown): Promise<Outcome> {
    const classType = ownValue(this.#item.prompt, this.#node)?.class_type ?? "";
    const where = { node_id: this.#node, node_type: classType, executed: [...this.#executed] };
    if (thrown instanceof Interrupted) {
      this.#record("execution_interrupted", where, true);
      return "interrupted";
    }
    const { exceptionType, message, traceback } = describeThrown(thrown);
    const isOutOfMemory = OUT_OF_MEMORY.has(exceptionType);
    if (isOutOfMemory) await this.#context.unloadModels();
    this.#record("execution_error", {
      ...where,
      exception_message: `${message}\n${isOutOfMemory ? OUT_OF_MEMORY_TIP : ""}`,
      exception_type: exceptionType,
      traceback,
      current_inputs: formatInputs(this.#inputs),
      current_outputs: Object.keys(this.#item.prompt),
    });
    return "error";
  }

  #shown(): Pick<RunResult, "outputs" | "meta"> {
    const uis = Object.keys(this.#item.prompt).flatMap((id) => {
      const ui = this.#context.cache.ui(id);
      return ui === undefined ? [] : [{ id, ui }];
    });
    return {
      outputs: Object.fromEntries(uis.map(({ id, ui }) => [id, ui.output])),
      meta: Object.fromEntries(uis.map(({ id, ui }) => [id, ui.meta])),
    };
  }

  /**
   * Sends an event and keeps it for the history. Without a client id it is sent to nobody, or to
   * all clients if `always` is set.
   */
  #record(type: string, data: JsonObject, always = false): void {
    const full = { prompt_id: this.#item.promptId, ...data, timestamp: Date.now() };
    this.#messages.push([type, full]);
    if (always) this.#broadcast(type, full);
    else this.#tell(type, full);
  }

  #tellNode(type: string, nodeId: string, data: JsonObject): void {
    const promptId = this.#item.promptId;
    this.#tell(type, { node: nodeId, display_node: nodeId, ...data, prompt_id: promptId });
  }

  #tell(type: string, data: JsonObject): void {
    if (this.#clientId !== null) this.#context.sockets.send(type, data, this.#clientId);
  }

  #broadcast(type: string, data: JsonObject): void {
    this.#context.sockets.send(type, data, this.#clientId);
  }
}

function formatInputs(inputs: ResolvedInputs): JsonObject {
  const formatted = Object.entries(inputs).map(([name, value]) => [name, [formatInput(value)]]);
  return Object.fromEntries(formatted) as JsonObject;
}

function formatInput(value: unknown): Json {
  const isPlain = ["string", "number", "boolean"].includes(typeof value);
  return isPlain ? (value as Json) : "<object>";
}

// The newer and the older name of PyTorch's error.
const OUT_OF_MEMORY = new Set(["torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"]);
const OUT_OF_MEMORY_TIP =
  "This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.";
