import { TaskError } from "../domain/errors.js";
import { type BypassLimits, notePassed } from "../domain/queue-order.js";
import { serverIdOf } from "../domain/slot.js";
import type { Logger } from "../lib/logger.js";
import { withResolvers } from "../lib/with-resolvers.js";
import type { ParameterValues } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";
import {
  bestMatch,
  hasRoomFor,
  IDLE_BEFORE_LOADING_MS,
  type Match,
  type PromptRequest,
  type WaitingTask,
} from "./best-match.js";
import { LearnedTimes } from "./learned/learned-times.js";
import type { PoolServer, SlotHolder } from "./server/pool-server.js";
import { canRun, isUp, missingOn } from "./server/server-fit.js";
import type { FaultKind } from "./server/server-health.js";

/** A holder that has no slot yet. */
export interface SlotTaker extends SlotHolder {
  /**
   * Writes in the store, which several processes may share, that the task has the slot; `busy` if
   * it is another task's. Throws where the task may have no slot any more.
   */
  bindSlot(slot: string): Promise<"ok" | "busy">;
}

/** A task that asks for a server. */
export interface SlotRequest extends PromptRequest {
  readonly holder: SlotTaker;
  readonly priority: number;
  readonly dueAt: Date;
  readonly turnAt?: Date | undefined;
  readonly bypassCount: number;
  /** How long the task had been passed over when it was leased; the limits go on from there. */
  readonly bypassedForMs?: number;
}

/** Options of the pool. */
export interface PoolOptions extends BypassLimits {
  readonly servers: readonly PoolServer[];
  readonly logger: Logger;
}

interface WaitingRequest extends WaitingTask {
  readonly request: SlotRequest;
  bypassCount: number;
  /** By the monotonic clock. */
  firstBypassedAtMs: number | undefined;
  /** The caller has left. */
  isGone: boolean;
  readonly resolve: (server: PoolServer) => void;
  readonly reject: (reason: Error) => void;
}

/** How long a slot is left alone that another process holds or that could not be written down. */
const BUSY_ELSEWHERE_MS = 500;

/**
 * All servers with their slots. After its download, a task waits here for a server that is ready,
 * has what its workflow needs and has a free slot. Tasks and servers are matched anew at every
 * event: a task came, a slot was given back, a server changed.
 */
export class Pool {
  readonly servers: readonly PoolServer[];
  /** How long prompts take, by what was seen of others. */
  readonly learned = new LearnedTimes();
  readonly #limits: BypassLimits;
  readonly #logger: Logger;
  readonly #waiting = new Set<WaitingRequest>();
  readonly #listeners = new Set<() => void>();
  #matching: Promise<void> | undefined;
  #matchAgain = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.servers = options.servers;
    this.#limits = options;
    this.#logger = options.logger.child({ part: "pool" });
  }

  /**
   * Calls `listener` when a server changed or a slot became free. @returns a function that ends it.
   */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells that something about a server changed: wakes the listeners, then matches anew. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
    this.#match();
  }

  server(id: string): PoolServer | undefined {
    return this.servers.find((server) => server.id === id);
  }

  /** The servers that can run a workflow now, whether free or not. */
  serversFor(workflow: Workflow, values?: ParameterValues): readonly PoolServer[] {
    return this.servers.filter((server) => isUp(server) && canRun(server, workflow, values));
  }

  /** Whether another server than this one could take a task now. */
  hasRoomBeside(server: PoolServer, request: PromptRequest): boolean {
    return this.servers.some(
      (other) => other !== server && hasRoomFor(other, request, this.learned),
    );
  }

  /**
   * Finds out whether a workflow could run at all: on a server that has what it needs, or on one
   * that was never reached yet and may have it.
   *
   * @returns what each known server lacks, a sentence each; empty if the workflow could run.
   */
  lacks(workflow: Workflow, values?: ParameterValues): readonly string[] {
    if (this.servers.some((server) => !server.isKnown || canRun(server, workflow, values)))
      return [];
    return this.servers.flatMap((server) =>
      missingOn(server, workflow, values).map((what) => `Server "${server.id}": ${what}`),
    );
  }

  /**
   * Waits for a slot that the holder can bind.
   *
   * @returns the server of the slot.
   * @throws what the holder throws when it may have no slot any more; the signal's reason when
   *   aborted.
   */
  async acquire(request: SlotRequest, signal: AbortSignal): Promise<PoolServer> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = withResolvers<PoolServer>();
    const { priority, dueAt, turnAt, bypassCount, bypassedForMs } = request;
    const waiting: WaitingRequest = {
      ...{ request, priority, dueAt, turnAt, bypassCount },
      taskId: request.holder.taskId,
      firstBypassedAtMs:
        bypassedForMs === undefined ? undefined : performance.now() - bypassedForMs,
      isGone: false,
      resolve,
      reject,
    };
    const onAbort = (): void => {
      waiting.isGone = true;
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(waiting);
    this.#match();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#waiting.delete(waiting);
    }
  }

  /**
   * Counts a slot as taken that a task of ours holds already: after a restart or a takeover, or since
   * it was kept for it.
   *
   * @returns its server; undefined if it is not configured any more.
   */
  adopt(slot: string, holder: SlotHolder): PoolServer | undefined {
    const server = this.server(serverIdOf(slot));
    server?.take(slot, holder);
    return server;
  }

  /** Gives a holder's former slot to others. Harmless when the slot is another's by now. */
  release(slot: string, holder: SlotHolder): void {
    const server = this.server(serverIdOf(slot));
    if (server?.release(slot, holder)) this.changed();
  }

  /** Gives a server no more tasks until the returned object is disposed. Its present tasks stay. */
  close(server: PoolServer): Disposable {
    server.close();
    return {
      [Symbol.dispose]: () => {
        server.reopen();
        this.changed();
      },
    };
  }

  /** Takes a server out of the pool. @returns whether the fault is held against the task too. */
  noteFault(server: PoolServer, kind: FaultKind, reason: string, taskId?: string): boolean {
    const blamesTask = server.health.noteFault(kind, reason, new Date(), taskId);
    this.#logger.warn(
      { server: server.id, kind, reason, until: server.health.retryAt },
      "server quarantined",
    );
    this.changed();
    return blamesTask;
  }

  /** A server's error tells that it cannot run a workflow as it is: it gets no task of it for a while. */
  noteTrouble(server: PoolServer, workflow: string, reason: string): void {
    server.workflowFaults.noteTrouble(workflow, reason, new Date());
    this.#logger.warn({ server: server.id, workflow, reason }, "server cannot run a workflow");
    this.changed();
  }

  /** A task failed on a server that another one completed. */
  noteRefuted(serverId: string, workflow: string, reason: string): void {
    this.server(serverId)?.workflowFaults.noteRefuted(workflow, reason, new Date());
    this.#logger.warn(
      { server: serverId, workflow, reason },
      "a task failed on a server that another one completed",
    );
    this.changed();
  }

  /** Takes a server out of the pool until a prompt of ours that did not stop has ended. */
  noteStuck(server: PoolServer, promptId: string, reason: string): void {
    server.health.noteStuck(promptId);
    this.noteFault(server, "fault", reason);
  }

  /** Tells that a prompt ended as it should. */
  noteSuccess(server: PoolServer): void {
    if (server.health.noteSuccess()) this.changed();
  }

  /** Ends the pool's timers. Tasks that wait are ended by their own signals. */
  [Symbol.dispose](): void {
    clearTimeout(this.#retryTimer);
  }

  #match(): void {
    this.#matchAgain = true;
    this.#matching ??= this.#matchAll().finally(() => {
      this.#matching = undefined;
      // A match was asked for after the loop had ended and before this ran.
      if (this.#matchAgain) this.#match();
    });
  }

  async #matchAll(): Promise<void> {
    while (this.#matchAgain) {
      this.#matchAgain = false;
      for (let match = this.#bestMatch(); match !== undefined; match = this.#bestMatch())
        await this.#bind(match);
    }
    // A task that a server leaves to others for a moment may be its own by then.
    if (this.#waiting.size > 0) this.#lookAgain(IDLE_BEFORE_LOADING_MS);
  }

  #bestMatch(): Match<WaitingRequest> | undefined {
    return bestMatch(this.servers, this.#waiting, this.learned, this.#limits);
  }

  async #bind({ server, slot, next }: Match<WaitingRequest>): Promise<void> {
    const { task: waiting, passed } = next;
    const { request, resolve, reject } = waiting;
    const { holder, workflow } = request;
    this.#waiting.delete(waiting);
    server.take(slot, holder);
    const result = await holder.bindSlot(slot).catch((error: Error) => error);
    if (result === "ok") {
      for (const task of passed) Object.assign(task, notePassed(task, performance.now()));
      server.noteBound(workflow.name);
      return resolve(server);
    }
    server.giveBack(slot, holder);
    if (waiting.isGone) return;
    if (result === "busy" || isPassing(result)) return this.#leaveAlone(server, slot, waiting);
    reject(result);
  }

  #leaveAlone(server: PoolServer, slot: string, waiting: WaitingRequest): void {
    server.noteHeldElsewhere(slot, performance.now() + BUSY_ELSEWHERE_MS);
    this.#waiting.add(waiting);
    this.#lookAgain(BUSY_ELSEWHERE_MS);
  }

  #lookAgain(afterMs: number): void {
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.changed();
    }, afterMs + 10);
    this.#retryTimer.unref();
  }
}

/** Whether an error passes: a store out of reach for a while is no reason to give a task up. */
function isPassing(error: Error): boolean {
  return (
    error instanceof TaskError && (error.code === "STORE_UNAVAILABLE" || error.code === "DISK_FULL")
  );
}
