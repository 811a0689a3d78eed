import type { Logger } from "../lib/logger.js";
import type { ParameterValues } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";
import {
  type BypassLimits,
  markPassed,
  type Pick,
  pickWaiter,
  type Waiter,
} from "./pick-waiter.js";
import type { FaultKind, PoolServer } from "./pool-server.js";
import { RunTimes } from "./run-times.js";
import { canRun, freeSlot, isUp, missingOn } from "./server-fit.js";

/** Gives a slot to a task in the store; how several processes share one pool. */
export interface SlotBook {
  bindSlot(
    fence: TaskFence,
    slot: string,
  ): Promise<"ok" | "busy" | "lost" | "canceled" | "terminal">;
}

/** Proof of holding the task that asks for a slot. */
export interface TaskFence {
  readonly taskId: string;
  readonly epoch: number;
}

/** A task that asks for a server. */
export interface SlotRequest {
  readonly fence: TaskFence;
  readonly workflow: Workflow;
  /** The values of its parameters. */
  readonly parameters: ParameterValues;
  readonly priority: number;
  readonly dueAt: Date;
  readonly bypassCount: number;
}

/** A slot that the task holds now, in the store too. */
export interface SlotGrant {
  readonly server: PoolServer;
  readonly slot: string;
}

/** The task that asked for a slot is no longer held by this process, or was canceled. */
export class SlotRefused extends Error {
  override readonly name = "SlotRefused";
}

/** Options of the pool. */
export interface PoolOptions extends BypassLimits {
  readonly servers: readonly PoolServer[];
  readonly slots: SlotBook;
  readonly logger: Logger;
}

interface WaitingRequest extends Waiter {
  readonly request: SlotRequest;
  /** The one who asked has left: a slot bound meanwhile is not handed over. */
  isGone: boolean;
  readonly resolve: (grant: SlotGrant) => void;
  readonly reject: (reason: Error) => void;
}

interface Match {
  readonly server: PoolServer;
  readonly slot: string;
  readonly pick: Pick<WaitingRequest>;
}

/** How long a slot seen held by another process is left alone before it is tried again. */
const BUSY_ELSEWHERE_MS = 500;

/**
 * All servers with their slots. Tasks wait here, after their download, for a server that is ready,
 * has what their workflow needs and has a slot free; the match is made anew at every event: a task
 * came, a slot was given back, a server changed.
 */
export class Pool {
  readonly servers: readonly PoolServer[];
  readonly runTimes = new RunTimes();
  readonly #slots: SlotBook;
  readonly #limits: BypassLimits;
  readonly #logger: Logger;
  readonly #waiting = new Set<WaitingRequest>();
  readonly #listeners = new Set<() => void>();
  #matching: Promise<void> | undefined;
  #matchAgain = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.servers = options.servers;
    this.#slots = options.slots;
    this.#limits = options;
    this.#logger = options.logger.child({ part: "pool" });
  }

  /** Calls `listener` whenever a server changed or a slot came free. @returns a function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells that something about a server changed: matches anew and wakes the listeners. */
  changed(): void {
    this.#match();
    for (const listener of this.#listeners) listener();
  }

  server(id: string): PoolServer | undefined {
    return this.servers.find((server) => server.id === id);
  }

  /** The servers that can run a workflow now, whether free or not. */
  serversFor(workflow: Workflow, values?: ParameterValues): readonly PoolServer[] {
    return this.servers.filter((server) => isUp(server) && canRun(server, workflow, values));
  }

  /**
   * Whether a workflow could run at all: a server has what it needs, or one was never reached yet and
   * may have it.
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
   * Waits for a slot and binds it to the task.
   *
   * @throws SlotRefused when the task turns out to be lost or canceled; the signal's reason when aborted.
   */
  async acquire(request: SlotRequest, signal: AbortSignal): Promise<SlotGrant> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = withResolvers<SlotGrant>();
    const waiting: WaitingRequest = {
      request,
      workflow: request.workflow.name,
      priority: request.priority,
      dueAt: request.dueAt,
      taskId: request.fence.taskId,
      bypassCount: request.bypassCount,
      firstBypassedAtMs: undefined,
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

  /** Counts a slot as taken that a task of this process holds already: after a restart or a takeover. */
  adopt(server: PoolServer, slot: string, taskId: string, workflow: string): void {
    server.held.set(slot, { taskId, workflow });
  }

  /** Gives a task's slot back, which the store knows to be free. Harmless when it holds none. */
  release(taskId: string): void {
    for (const server of this.servers)
      for (const [slot, holder] of server.held)
        if (holder.taskId === taskId) {
          server.held.delete(slot);
          server.lastActiveAt = new Date();
          this.changed();
        }
  }

  /** Takes a server out of the pool. @returns whether the fault is held against the task too. */
  noteFault(server: PoolServer, kind: FaultKind, reason: string, taskId?: string): boolean {
    const blamesTask = server.noteFault(kind, reason, new Date(), taskId);
    this.#logger.warn(
      { server: server.id, kind, reason, until: server.retryAt },
      "server quarantined",
    );
    this.changed();
    return blamesTask;
  }

  /** Tells that a prompt ended as it should. */
  noteSuccess(server: PoolServer, workflow: string, runMs: number): void {
    this.runTimes.note(workflow, runMs);
    server.noteSuccess();
  }

  /** Ends the pool's timers. Tasks that wait are ended by their own signals. */
  [Symbol.dispose](): void {
    clearTimeout(this.#retryTimer);
  }

  #match(): void {
    this.#matchAgain = true;
    this.#matching ??= this.#matchAll().finally(() => {
      this.#matching = undefined;
    });
  }

  async #matchAll(): Promise<void> {
    while (this.#matchAgain) {
      this.#matchAgain = false;
      for (let match = this.#bestMatch(); match !== undefined; match = this.#bestMatch())
        await this.#bind(match);
    }
  }

  /** Of all servers with a free slot, the one that gets a task at the least cost. */
  #bestMatch(): Match | undefined {
    const nowMs = performance.now();
    const matches = this.servers.flatMap((server) => this.#matchFor(server, nowMs));
    const [best] = matches.sort(
      (a, b) =>
        a.pick.rank - b.pick.rank ||
        a.server.held.size - b.server.held.size ||
        a.pick.passed.length - b.pick.passed.length,
    );
    return best;
  }

  #matchFor(server: PoolServer, nowMs: number): Match[] {
    const slot = freeSlot(server, nowMs);
    if (!server.takesWork || slot === undefined) return [];
    const eligible = [...this.#waiting].filter(
      ({ request }) =>
        canRun(server, request.workflow, request.parameters) &&
        this.#mayQueue(server, request.workflow, nowMs),
    );
    const elsewhere = this.servers
      .filter((other) => other !== server && isUp(other))
      .flatMap((other) => other.loadedWorkflow ?? []);
    const pick = pickWaiter(
      eligible,
      server.loadedWorkflow,
      new Set(elsewhere),
      this.#limits,
      nowMs,
    );
    return pick === undefined ? [] : [{ server, slot, pick }];
  }

  /** Whether a prompt may go to a server that runs one already: where both are known to be short. */
  #mayQueue(server: PoolServer, workflow: Workflow, nowMs: number): boolean {
    const isHeldElsewhere = [...server.heldElsewhere.values()].some((untilMs) => untilMs > nowMs);
    if (server.queueDepth === 2 || (server.held.size === 0 && !isHeldElsewhere)) return true;
    if (server.queueDepth === 1 || isHeldElsewhere) return false;
    const holders = [...server.held.values()];
    return [workflow.name, ...holders.map((holder) => holder.workflow)].every((name) =>
      this.runTimes.isShort(name),
    );
  }

  async #bind({ server, slot, pick }: Match): Promise<void> {
    const { request, resolve, reject } = pick.waiter;
    const { taskId } = request.fence;
    this.#waiting.delete(pick.waiter);
    server.held.set(slot, { taskId, workflow: request.workflow.name });
    const result = await this.#slots.bindSlot(request.fence, slot).catch((error: unknown) => error);
    if (result === "ok" && !pick.waiter.isGone) {
      for (const waiter of pick.passed) markPassed(waiter, performance.now());
      server.loadedWorkflow = request.workflow.name;
      server.lastActiveAt = new Date();
      return resolve({ server, slot });
    }
    server.held.delete(slot);
    if (pick.waiter.isGone) return;
    if (result === "busy") return this.#leaveAlone(server, slot, pick.waiter);
    reject(
      result instanceof Error ? result : new SlotRefused(`Task "${taskId}" is no longer held`),
    );
  }

  #leaveAlone(server: PoolServer, slot: string, waiter: WaitingRequest): void {
    server.heldElsewhere.set(slot, performance.now() + BUSY_ELSEWHERE_MS);
    this.#waiting.add(waiter);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.changed(), BUSY_ELSEWHERE_MS + 10);
    this.#retryTimer.unref();
  }
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
