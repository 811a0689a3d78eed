import { setTimeout as sleep } from "node:timers/promises";
import { TaskError } from "../domain/errors.js";
import type { Task } from "../domain/task.js";
import type { Logger } from "../lib/logger.js";
import type { WorkSpace } from "../pipeline/work-space.js";
import type { TaskChange } from "../store/task-reading.js";
import type { Workflow } from "../workflow/workflow.js";
import { type EndContext, runToEnd } from "./end-run.js";
import { LeaseKeeper } from "./lease-keeper.js";
import type { RunPhase } from "./run-context.js";
import { TaskRun } from "./task-run.js";

/** Options of the scheduler. */
export interface SchedulerOptions {
  readonly context: Omit<EndContext, "stopSignal" | "onPhase">;
  /** Names this process among those that share the store; new for each. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Inputs fetched ahead per slot. */
  readonly prefetchCount: number;
  /** Results that may wait to be stored before no more tasks are begun. */
  readonly maxBacklogCount: number;
  readonly workSpace: Pick<WorkSpace, "hasRoom">;
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
}

/** Looks for expired leases at least so often, and never sleeps longer. */
const MAX_SLEEP_MS = 2_000;
/** How long a run may take to hand its task back once its time is over. */
const LAST_WORDS_MS = 2_000;
/** A download that came no further for so long gives its place to another. */
const STALLED_MS = 2_000;
/** How many inputs are fetched at once for each that should be, however many of them are stalled. */
const AHEAD_PER_PLACE = 4;

/**
 * Leases due tasks and runs them. It wakes when a task was created or changed, when the pool changed,
 * when a run came further, when something becomes due; and leases only what the pool could soon take:
 * a few inputs ahead per server, none while too many results wait to be stored or the work directories
 * are full.
 */
export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #context: EndContext;
  readonly #keeper: LeaseKeeper;
  readonly #logger: Logger;
  readonly #runs = new Map<TaskRun, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #unsubscribes: (() => void)[] = [];
  /** Versions of workflows that a server could run since this process began. */
  readonly #seenRunnable = new Set<string>();
  #isLeasing = false;
  #isStoreDown = false;
  #filling: Promise<void> | undefined;
  #fillAgain = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { store, pool, logger } = options.context;
    this.#logger = logger.child({ part: "scheduler" });
    this.#context = {
      ...options.context,
      logger: this.#logger,
      stopSignal: this.#stop.signal,
      onPhase: () => this.wake(),
    };
    const { owner, leaseMs } = options;
    this.#keeper = new LeaseKeeper({ store, pool, owner, leaseMs, logger: this.#logger });
  }

  /** Begins to lease. */
  start(): void {
    const { store, pool } = this.#context;
    this.#isLeasing = true;
    this.#unsubscribes.push(store.subscribe((change) => this.#onChange(change)));
    this.#unsubscribes.push(pool.subscribe(() => this.wake()));
    this.wake();
  }

  /** Looks for work as soon as possible. */
  wake(): void {
    this.#fillAgain = true;
    if (!this.#isLeasing) return;
    this.#filling ??= this.#fillAll().finally(() => {
      this.#filling = undefined;
      // Asked for after the loop had ended and before this ran.
      if (this.#fillAgain) this.wake();
    });
  }

  /**
   * Drains: leases nothing more, hands back at once what is not storing its result (running prompts
   * go on, for the next process to re-attach to), and gives uploads until `graceMs` to end.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isLeasing = false;
    clearTimeout(this.#timer);
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
    await this.#filling;
    this.#handBack((phase) => phase !== "upload" && phase !== "cleanup");
    const grace = setTimeout(() => {
      this.#stop.abort();
      this.#handBack(() => true);
    }, graceMs);
    await this.#runsEnded(graceMs + LAST_WORDS_MS);
    clearTimeout(grace);
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    this.#keeper[Symbol.dispose]();
  }

  /** What hangs even then is left behind: its lease runs out, and the next process takes it up. */
  async #runsEnded(limitMs: number): Promise<void> {
    const waiting = new AbortController();
    const isOver = await Promise.race([
      Promise.all(this.#runs.values()).then(() => true),
      sleep(limitMs, false, { signal: waiting.signal }),
    ]);
    waiting.abort();
    const taskIds = [...this.#runs.keys()].map(({ task }) => task.taskId);
    if (!isOver) this.#logger.error({ taskIds }, "runs did not end in time");
  }

  #handBack(chosen: (phase: RunPhase) => boolean): void {
    for (const run of this.#runs.keys()) if (chosen(run.phase)) run.heldTask.end("stopping");
  }

  #onChange({ taskId, status }: TaskChange): void {
    if (status === "canceled") this.#onCancel(taskId);
    if (status === "pending" || status === "canceled") this.wake();
  }

  /** A run looks after what it has; a task that only waited for a retry may have left its files. */
  #onCancel(taskId: string): void {
    const heldTask = this.#keeper.heldTask(taskId);
    heldTask?.end("canceled");
    if (heldTask === undefined)
      this.#context.workDirs
        .remove(taskId)
        .catch((error: unknown) => this.#logger.warn({ taskId, err: error }, "files not removed"));
  }

  async #fillAll(): Promise<void> {
    while (this.#fillAgain && this.#isLeasing) {
      this.#fillAgain = false;
      try {
        // Asked first: what becomes due while leasing is then not missed.
        const dueAt = await this.#context.store.nextDueAt();
        await this.#fill();
        this.#sleep(sleepUntil(dueAt));
        this.#isStoreDown = false;
      } catch (error) {
        this.#noteFailure(error);
        this.#sleep(MAX_SLEEP_MS);
      }
    }
  }

  /** A store that does not answer is said once, not at every try. */
  #noteFailure(error: unknown): void {
    const isOutage = error instanceof TaskError && error.code === "STORE_UNAVAILABLE";
    if (isOutage && !this.#isStoreDown)
      this.#logger.warn({ err: error }, "no work is looked for until the store answers");
    if (!isOutage) this.#logger.error({ err: error }, "looking for work failed");
    this.#isStoreDown = isOutage;
  }

  async #fill(): Promise<void> {
    const { store } = this.#context;
    const { owner, leaseMs } = this.#options;
    if (this.#keeper.hasStale) await this.#keeper.renewAll();
    for (;;) {
      const hasRoom = await this.#hasRoom();
      const task =
        (await store.leaseOrphan(owner, leaseMs, hasRoom ? "all" : "with_prompt")) ??
        (await this.#leaseNext(hasRoom));
      if (task === undefined) return;
      this.#start(task);
    }
  }

  async #leaseNext(hasRoom: boolean): Promise<Task | undefined> {
    const { store, pool, catalog } = this.#context;
    const { owner, leaseMs, maxBypassCount, maxBypassMs } = this.#options;
    const all = catalog.list();
    const runnable = all.filter((workflow) => pool.serversFor(workflow).length > 0);
    // Accepted while a server was not known yet; by now it is, and has not what they need. What a
    // server once had it may have again: a failed update of it must not fail all tasks that wait.
    for (const { version } of runnable) this.#seenRunnable.add(version);
    const hopeless = all.filter(
      (one) => pool.lacks(one).length > 0 && !this.#seenRunnable.has(one.version),
    );
    const chosen = hasRoom ? [...runnable, ...hopeless] : [];
    const workflows = chosen.map(({ name }) => name);
    const prefer = this.#preferred(runnable);
    return await store.lease({ owner, leaseMs, workflows, prefer, maxBypassCount, maxBypassMs });
  }

  async #hasRoom(): Promise<boolean> {
    const runs = [...this.#runs.keys()];
    const ahead = runs.filter(({ phase }) => phase === "download" || phase === "waiting");
    const backlog = runs.filter(({ phase }) => phase === "upload" || phase === "kept");
    const max = this.#maxAhead();
    // An origin that is slow or gone must not keep servers idle while others' inputs could be fetched.
    const moving = ahead.filter((run) => !isStalled(run));
    if (moving.length >= max || ahead.length >= max * AHEAD_PER_PLACE) return false;
    if (backlog.length >= this.#options.maxBacklogCount) return false;
    // Tasks that wait for a retry may fill the disk too: one at a time they make room again.
    return this.#runs.size === 0 || (await this.#options.workSpace.hasRoom());
  }

  #maxAhead(): number {
    const up = this.#context.pool.servers.filter(
      ({ state }) => state === "ready" || state === "half_open",
    );
    const free = up.filter(({ held }) => held.size === 0);
    return up.length * this.#options.prefetchCount + free.length;
  }

  /** Workflows that a server has loaded and for which too few inputs are at hand. */
  #preferred(runnable: readonly Workflow[]): string[] {
    const ahead = new Map<string, number>();
    for (const { task, phase } of this.#runs.keys())
      if (phase === "download" || phase === "waiting")
        ahead.set(task.workflow, (ahead.get(task.workflow) ?? 0) + 1);
    const wanted = new Map<string, number>();
    for (const { loadedWorkflow } of this.#context.pool.servers)
      if (loadedWorkflow !== undefined)
        wanted.set(
          loadedWorkflow,
          (wanted.get(loadedWorkflow) ?? 0) + Math.max(1, this.#options.prefetchCount),
        );
    return runnable
      .map(({ name }) => name)
      .filter((name) => (ahead.get(name) ?? 0) < (wanted.get(name) ?? 0));
  }

  #start(task: Task): void {
    const heldTask = this.#keeper.hold(task);
    const run = new TaskRun(heldTask, this.#context);
    const { taskId, attempt, epoch, workflow } = task;
    this.#logger.info({ taskId, attempt, epoch, workflow }, "task leased");
    const done = runToEnd(run, this.#context)
      .catch((error: unknown) => this.#logger.error({ taskId, err: error }, "run not settled"))
      .finally(() => {
        this.#keeper.drop(heldTask);
        this.#runs.delete(run);
        this.wake();
      });
    this.#runs.set(run, done);
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isLeasing) return;
    this.#timer = setTimeout(() => this.wake(), ms);
  }
}

/** The time is the store's: where its clock is behind ours, what is to come looks long past and is no reason to hurry. */
function sleepUntil(dueAt: Date | undefined): number {
  const untilDueMs = dueAt === undefined ? MAX_SLEEP_MS : dueAt.getTime() - Date.now();
  if (untilDueMs < -MAX_SLEEP_MS) return MAX_SLEEP_MS;
  return Math.min(Math.max(untilDueMs, 20), MAX_SLEEP_MS);
}

function isStalled({ phase, heldTask }: TaskRun): boolean {
  return phase === "download" && performance.now() - heldTask.movedAtMs > STALLED_MS;
}
