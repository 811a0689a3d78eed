import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { TaskError } from "../domain/errors.js";
import { isTerminal, type Task, type TaskStatus } from "../domain/task.js";
import type { Logger } from "../lib/logger.js";
import { withResolvers } from "../lib/with-resolvers.js";
import type { WorkSpace } from "../pipeline/work-space.js";
import type { NewLease } from "../store/task-queue.js";
import type { TaskChange } from "../store/task-reading.js";
import { LeaseKeeper } from "./lease/lease-keeper.js";
import { type LeaseOptions, leaseNext, leaseTerms } from "./lease-next.js";
import type { LeasePlan, LeaseStep } from "./plan/lease-plan.js";
import { LeasePlanner } from "./plan/lease-planner.js";
import { type EndContext, runToEnd } from "./run/end-run.js";
import type { RunPhase } from "./run/run-context.js";
import { TaskRun } from "./run/task-run.js";

/** Options of the scheduler. */
export interface SchedulerOptions extends LeaseOptions {
  readonly context: Omit<EndContext, "stopSignal" | "onPhase" | "films"> & {
    readonly films: Omit<EndContext["films"], "isBusy">;
  };
  /** Inputs fetched ahead per slot. */
  readonly prefetchCount: number;
  /** Results that may wait to be stored before no more tasks are begun. */
  readonly maxBacklogCount: number;
  readonly workSpace: Pick<WorkSpace, "hasRoom">;
}

/** How long the loop sleeps at most: it looks for expired leases at least so often. */
const MAX_SLEEP_MS = 2_000;
/** ...and at least, so that what is due at once does not keep it busy. */
const MIN_SLEEP_MS = 20;
/** A run that came further goes on first: so much later it is looked for what it left room for. */
const SOON_MS = 5;
/** How long a look may wait that is not urgent: while no server has a place, and when a new task was just leased. */
const PATIENT_MS = 50;
const NOTHING_NEW: LeasePlan = { steps: [], hasPlace: false };
/** What waits to be stored. */
const BACKLOG: ReadonlySet<RunPhase> = new Set(["upload", "kept", "join"]);
/** What gets the grace period to end. */
const LAST: ReadonlySet<RunPhase> = new Set(["upload", "join", "cleanup"]);
/** How long a run may take to hand its task back once its time is over. */
const LAST_WORDS_MS = 2_000;

/**
 * Leases due tasks and runs them. It wakes when a task was created or changed, when the pool
 * changed, when a run came further, and when something becomes due. It leases only what the pool
 * could soon take ({@link LeasePlanner}), and nothing while too many results wait to be stored or
 * the work directories are full.
 */
export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #context: EndContext;
  readonly #keeper: LeaseKeeper;
  readonly #logger: Logger;
  readonly #runs = new Map<TaskRun, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #unsubscribes: (() => void)[] = [];
  readonly #planner: LeasePlanner;
  #isLeasing = false;
  #isStoreDown = false;
  #filling: Promise<void> | undefined;
  #fillAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #soonTimer: NodeJS.Timeout | undefined;
  /** Tasks that became pending while one of them is leased as it is written. */
  #arrived: Set<string> | undefined;
  /** When the timer rings, by the monotonic clock. */
  #wakesAtMs = 0;
  /** Whether a server had a place for one more task when it was looked last. */
  #hasPlace = true;
  /** What the next task is leased by, if nothing has changed since nothing waited. */
  #steps: readonly LeaseStep[] | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { store, pool, logger } = options.context;
    this.#logger = logger.child({ part: "scheduler" });
    this.#context = {
      ...options.context,
      logger: this.#logger,
      stopSignal: this.#stop.signal,
      onPhase: () => this.#wakeSoon(),
      films: { ...options.context.films, isBusy: () => this.#isBusy() },
    };
    this.#planner = new LeasePlanner({ ...options.context, ...options });
    const { owner, leaseMs } = options;
    this.#keeper = new LeaseKeeper({ store, pool, owner, leaseMs, logger: this.#logger });
  }

  /** Begins to lease. */
  start(): void {
    const { store, pool } = this.#context;
    this.#isLeasing = true;
    this.#unsubscribes.push(store.subscribe((change) => this.#onChange(change)));
    this.#unsubscribes.push(store.leaseNew((task) => this.#leaseNew(task)));
    this.#unsubscribes.push(pool.subscribe(() => this.#wakeSoon()));
    this.wake();
  }

  /** Looks for work as soon as possible. */
  wake(): void {
    this.#fillAgain = true;
    if (this.#isLeasing && this.#filling === undefined) this.#begin(this.#fillAll());
  }

  #begin(filling: Promise<void>): void {
    this.#steps = undefined;
    this.#filling = filling.finally(() => {
      this.#filling = undefined;
      // `wake` was called after the loop had ended and before this ran.
      if (this.#fillAgain) this.wake();
    });
  }

  /** Where a server waits for work and nothing else does, a new task is leased as it is written. */
  #leaseNew({ workflow }: Task): NewLease | undefined {
    if (!this.#isLeasing || this.#filling !== undefined) return undefined;
    if (!this.#steps?.some(({ workflows }) => workflows.includes(workflow))) return undefined;
    const arrived = new Set<string>();
    this.#arrived = arrived;
    const { promise, resolve: told } = withResolvers<Task | undefined>();
    const started = promise.then((task) => {
      this.#arrived = undefined;
      if (task) this.#start(task);
      // Others are looked for at once. If there are none, the input of this one is asked for first.
      this.#fillAgain ||= task === undefined || arrived.size > 1;
      this.#sleep(PATIENT_MS);
    });
    this.#begin(started.catch((error: unknown) => this.#noteFailure(error)));
    return { ...leaseTerms(this.#options), told };
  }

  /**
   * Drains: leases nothing more, and gives uploads until `graceMs` to end. Every other task is
   * handed back at once; its running prompt goes on, and the next process re-attaches to it.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isLeasing = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#soonTimer);
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
    await this.#filling;
    this.#handBack((phase) => !LAST.has(phase));
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

  /**
   * Runs that hang even then are left behind: their leases run out, and the next process takes
   * their tasks over.
   */
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
    if (status === "pending" && this.#arrived) this.#arrived.add(taskId);
    else if (status === "pending") this.#lookAtNew();
    else if (status === "canceled" || this.#mayEndRest(status)) this.wake();
  }

  /** While no server has a place, a look at the queue for each new task finds nothing and is not for free. */
  #lookAtNew(): void {
    const isSoonEnough = this.#wakesAtMs <= performance.now() + PATIENT_MS;
    if (this.#hasPlace || this.#filling) this.wake();
    else if (!isSoonEnough) this.#sleep(PATIENT_MS);
  }

  /** Whether a tenant that had as many running tasks as it may has one less: of any process. */
  #mayEndRest(status: TaskStatus | undefined): boolean {
    return this.#options.maxRunning !== undefined && status !== undefined && isTerminal(status);
  }

  /**
   * A run looks after its own files. A task that only waited for a retry may have left files here.
   */
  #onCancel(taskId: string): void {
    const heldTask = this.#keeper.heldTask(taskId);
    heldTask?.end("canceled");
    if (heldTask === undefined)
      this.#context.workDirs
        .remove(taskId)
        .catch((error: unknown) => this.#logger.warn({ taskId, err: error }, "files not removed"));
  }

  #wakeSoon(): void {
    if (!this.#isLeasing) return;
    this.#soonTimer ??= setTimeout(() => {
      this.#soonTimer = undefined;
      this.wake();
    }, SOON_MS);
  }

  async #fillAll(): Promise<void> {
    while (this.#fillAgain && this.#isLeasing) {
      this.#fillAgain = false;
      try {
        // Asked before leasing, so that a task that becomes due meanwhile is not missed.
        const dueInMs = await this.#context.store.nextDueInMs();
        const askedAtMs = performance.now();
        await this.#fill();
        this.#sleep(sleepMs(dueInMs, performance.now() - askedAtMs));
        this.#isStoreDown = false;
      } catch (error) {
        this.#noteFailure(error);
        this.#sleep(MAX_SLEEP_MS);
      }
    }
  }

  /** Logs once, not at every try, that the store does not answer. */
  #noteFailure(error: unknown): void {
    const isOutage = error instanceof TaskError && error.code === "STORE_UNAVAILABLE";
    if (isOutage && !this.#isStoreDown)
      this.#logger.warn({ err: error }, "no work is looked for until the store answers");
    if (!isOutage) this.#logger.error({ err: error }, "looking for work failed");
    this.#isStoreDown = isOutage;
  }

  async #fill(): Promise<void> {
    if (this.#keeper.hasStale) await this.#keeper.renewAll();
    for (;;) {
      const plan = await this.#plan();
      this.#hasPlace = plan.hasPlace;
      const task = await leaseNext(plan, this.#context.store, this.#options);
      this.#steps = plan.hasPlace && task === undefined ? plan.steps : undefined;
      if (task === undefined) return;
      this.#start(task);
      // Its input is asked for before anything else is looked for.
      await turn();
    }
  }

  async #plan(): Promise<LeasePlan> {
    const runs = [...this.#runs.keys()];
    const backlog = runs.filter(({ phase }) => BACKLOG.has(phase));
    if (backlog.length >= this.#options.maxBacklogCount) return NOTHING_NEW;
    const atHand = this.#planner.atHand(runs);
    // Tasks that only wait, for a retry or for a server that is down, may have filled the disk.
    // Others then run one at a time and make room again.
    const waiting = atHand.filter(({ servers }) => servers.length === 0);
    if (runs.length > waiting.length && !(await this.#options.workSpace.hasRoom()))
      return NOTHING_NEW;
    return this.#planner.plan(atHand);
  }

  #isBusy(): boolean {
    return [...this.#runs.keys()].some(({ phase }) => phase !== "cut");
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
    this.#wakesAtMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.wake(), ms);
  }
}

/** How long to sleep, `passedMs` after something was to be due in `dueInMs`. */
function sleepMs(dueInMs = MAX_SLEEP_MS, passedMs: number): number {
  return Math.min(Math.max(dueInMs - passedMs, MIN_SLEEP_MS), MAX_SLEEP_MS);
}
