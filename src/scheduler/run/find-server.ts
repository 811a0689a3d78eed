import { memoryProfile } from "../../domain/memory-order.js";
import type { Dispatch } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { SeenInput } from "../../pipeline/download-stage.js";
import { newIntent } from "../../pipeline/new-intent.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { Workflow } from "../../workflow/workflow.js";
import { noteTimed } from "./note-timed.js";
import type { RunContext, RunState } from "./run-context.js";
import type { RunInput } from "./run-input.js";
import { hasLowMemory, nothingLeft, serversLeft } from "./servers-left.js";
import { ServersLeftWatch } from "./servers-left-watch.js";
import { slotRequest } from "./slot-request.js";

/** A run that needs a server. */
export interface ServerSearch {
  readonly run: RunState;
  readonly input: RunInput;
  readonly workflow: Workflow;
  readonly workDir: WorkDir;
}

/** So many pixels are judged within some milliseconds, an AVIF within 50: for so long a slot may be held in vain. */
const SOON_JUDGED_PIXELS = 2 ** 18;

/**
 * Brings the input of a run, then waits for a slot. A small picture asks for one while it is judged: it gives it back
 * where it turns out to be none.
 *
 * @returns the server of the slot.
 */
export async function findServer(search: ServerSearch, context: RunContext): Promise<PoolServer> {
  const { run, input, workflow, workDir } = search;
  await using slot = new AskedSlot(search, context);
  try {
    const ready = await input.bring(workDir, (seen) => {
      if (isSoonJudged(seen)) slot.ask(seen).catch(() => undefined);
    });
    noteTimed(run.heldTask, workflow);
    input.sendAhead(ready);
    run.phase = "waiting";
    return await slot.ask(ready);
  } catch (error) {
    await slot.giveBack();
    throw error;
  }
}

/** What is transparent is put on white before it is sent, which takes longer than to judge it. */
function isSoonJudged({ facts: { width, height, hasAlpha } }: SeenInput): boolean {
  if (width === undefined || height === undefined || hasAlpha) return false;
  return width * height <= SOON_JUDGED_PIXELS;
}

/** A slot that a run has asked the pool for. */
class AskedSlot implements AsyncDisposable {
  readonly #search: ServerSearch;
  readonly #context: RunContext;
  readonly #stop = new AbortController();
  #server: Promise<PoolServer> | undefined;

  constructor(search: ServerSearch, context: RunContext) {
    this.#search = search;
    this.#context = context;
  }

  /** Asks for it, once. @param input what is known of the input by now. */
  ask(input: SeenInput): Promise<PoolServer> {
    const { heldTask } = this.#search.run;
    heldTask.prompt.foresee = (serverId) => foresee(serverId, input, this.#search, this.#context);
    this.#server ??= this.#acquire();
    return this.#server;
  }

  /** Gives it back, since no prompt was sent; unless the task is let go: then whoever has it next decides. */
  async giveBack(): Promise<void> {
    const { heldTask } = this.#search.run;
    await this[Symbol.asyncDispose]();
    if (heldTask.ended === undefined) await heldTask.releaseSlot("unsent");
  }

  /** Waits no longer. A slot that it has stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("No slot is needed"));
    await this.#server?.catch(() => undefined);
  }

  async #acquire(): Promise<PoolServer> {
    const { run, workflow } = this.#search;
    const { heldTask } = run;
    const { pool, serverLostMs } = this.#context;
    using _ = watchVariant(run, workflow, this.#context);
    using watch = new ServersLeftWatch({
      pool,
      left: () => serversLeft(heldTask, workflow, pool),
      limitMs: serverLostMs,
      reason: (left) => nothingLeft(heldTask, workflow, left),
    });
    const request = slotRequest(heldTask, workflow, (server) => run.suits(server));
    const signals = [heldTask.signal, watch.signal, this.#stop.signal];
    return await pool.acquire(request, AbortSignal.any(signals));
  }
}

/** Where it turns out that no server can come to run the variant that was taken, the task begins anew. */
function watchVariant(
  { heldTask }: RunState,
  workflow: Workflow,
  { pool }: RunContext,
): Disposable {
  const unsubscribe = pool.subscribe(() => {
    if (heldTask.variant === undefined) return;
    if (pool.lacks(workflow, heldTask.task.parameters).length > 0) heldTask.end("stopping");
  });
  return { [Symbol.dispose]: unsubscribe };
}

/** What will be sent to a server: at once, where the input is already on its way there. */
function foresee(
  serverId: string,
  seen: SeenInput,
  { run: { heldTask }, input, workflow }: ServerSearch,
  { pool }: RunContext,
): Omit<Dispatch, "at"> | undefined {
  const server = pool.server(serverId);
  if (server === undefined || !input.isOn(server, seen)) return undefined;
  const place = { serverId, workflow, ...defined({ capability: server.capability }) };
  const { lowMemory } = memoryProfile(heldTask.memoryFailures, hasLowMemory(heldTask, workflow));
  return newIntent(heldTask.task, place, lowMemory);
}
