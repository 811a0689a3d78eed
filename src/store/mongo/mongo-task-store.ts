import {
  type Dispatch,
  type InputFacts,
  isTerminal,
  type Json,
  type Stage,
  type StageName,
  type Task,
} from "../../domain/task.js";
import { checkFence } from "../core/check-fence.js";
import { passOver } from "../core/lease-order.js";
import { replayOf } from "../core/replay-of.js";
import {
  beginLease,
  cancelTask,
  endCleanup,
  holdSlot,
  setDispatch,
  settleTask,
  takeOver,
} from "../core/task-changes.js";
import { TaskIds } from "../core/task-ids.js";
import { pageStart, toPage } from "../core/task-page.js";
import { changeStage } from "../core/task-progress.js";
import { without } from "../core/without.js";
import type { CreateResult, Idempotency, NewTask } from "../task-intake.js";
import type {
  Fence,
  HeartbeatResult,
  LeaseRequest,
  OrphanScope,
  Outcome,
  ProgressReport,
  WriteResult,
} from "../task-queue.js";
import type { ListRequest, TaskChange, TaskCounts, TaskPage } from "../task-reading.js";
import type { TaskStore } from "../task-store.js";
import type { MongoChanges } from "./changes.js";
import type { MongoConnection } from "./connection.js";
import type { MongoDatabase } from "./database.js";
import { isDuplicateKey, VersionConflict } from "./errors.js";
import { renewLeases } from "./heartbeat.js";
import { chooseStored, LeaseCrowd } from "./lease-choice.js";
import { retryOnConflict, saveNew, saveTask } from "./save.js";
import type { StoredTask } from "./tasks.js";

/**
 * The store on a MongoDB database that several processes share. Each method reads a task, decides and
 * writes under the condition that the task is still as it was read; where it is not, all of it is done
 * again. What touches several documents is one transaction. All times are the database server's.
 */
export class MongoTaskStore implements TaskStore {
  readonly #connection: MongoConnection;
  readonly #changes: MongoChanges;
  readonly #taskIds = new TaskIds();
  readonly #leasing = new LeaseCrowd();
  readonly #reaping = new LeaseCrowd();

  /** Takes over both: they end with the store. */
  constructor(connection: MongoConnection, changes: MongoChanges) {
    this.#connection = connection;
    this.#changes = changes;
  }

  /** Of the database, made once for it. @throws TaskError STORE_UNAVAILABLE while it was never reached. */
  get storeId(): string {
    return this.#connection.database.storeId;
  }

  async create(
    request: NewTask,
    maxPendingCount = Number.POSITIVE_INFINITY,
  ): Promise<CreateResult> {
    const { idempotency } = request;
    return await this.#write(async (database): Promise<CreateResult> => {
      const former = idempotency && (await database.tasks.findByKey(idempotency.key));
      if (former) return replayOf(former, idempotency);
      if (await isFull(database, maxPendingCount)) return { outcome: "full" };
      const task = await saveNew(database, request, this.#taskIds);
      return { outcome: "created", task: this.#told(database, task) };
    });
  }

  async replay(idempotency: Idempotency): Promise<CreateResult | undefined> {
    const former = await this.#connection.run(({ tasks }) => tasks.findByKey(idempotency.key));
    return former && replayOf(former, idempotency);
  }

  async get(taskId: string): Promise<Task | undefined> {
    const stored = await this.#connection.run(({ tasks }) => tasks.find(taskId));
    return stored?.task;
  }

  async list({ status, pageSize, pageToken }: ListRequest): Promise<TaskPage> {
    const belowId = pageStart(pageToken);
    const found = await this.#connection.run(({ tasks }) =>
      tasks.list(status, belowId, pageSize + 1),
    );
    return toPage(found, pageSize);
  }

  async counts(): Promise<TaskCounts> {
    return await this.#connection.run(({ counts }) => counts.read());
  }

  async cancel(taskId: string): ReturnType<TaskStore["cancel"]> {
    return await this.#write(async (database) => {
      const stored = await database.tasks.find(taskId);
      if (!stored) return "not_found";
      const { status } = stored.task;
      if (status === "canceled") return "already_canceled";
      if (isTerminal(status)) return "terminal";
      await this.#save(database, stored, cancelTask(stored.task, stored.now));
      return "canceled";
    });
  }

  subscribe(listener: (change: TaskChange) => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async lease(request: LeaseRequest): Promise<Task | undefined> {
    const { owner, leaseMs } = request;
    return await this.#takeOut(this.#leasing, async (database) => {
      const choice = await chooseStored(database.tasks, request, this.#leasing.place());
      if (!choice) return undefined;
      const { chosen, passed } = choice;
      const next = beginLease(chosen.task, owner, leaseMs, chosen.now);
      if (passed.length === 0) return await this.#save(database, chosen, next);
      const leased = await database.together(async (session) => {
        for (const head of passed)
          await database.tasks.replace(head, passOver(head.task, head.now), session);
        return await database.tasks.replace(chosen, next, session);
      });
      return this.#told(database, leased);
    });
  }

  async leaseOrphan(
    owner: string,
    leaseMs: number,
    scope: OrphanScope = "all",
  ): Promise<Task | undefined> {
    return await this.#takeOut(this.#reaping, async (database) => {
      const orphan = await database.tasks.findOrphan(this.#reaping.place(), scope);
      if (!orphan) return undefined;
      const taken = takeOver(orphan.task, owner, leaseMs, orphan.now);
      return await this.#save(database, orphan, taken);
    });
  }

  async queueAgeMs(): Promise<number> {
    const oldest = await this.#connection.run(({ tasks }) => tasks.findOldestDue());
    return oldest ? Math.max(0, oldest.now.getTime() - oldest.task.dueAt.getTime()) : 0;
  }

  async nextDueAt(): Promise<Date | undefined> {
    return await this.#connection.run(({ tasks }) => tasks.findNextDue());
  }

  async heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult> {
    return await this.#write(({ tasks }) => renewLeases(tasks, owner, leaseMs, reports));
  }

  async bindSlot(fence: Fence, slot: string): Promise<WriteResult | "busy"> {
    try {
      return await this.#change(fence, (task) => holdSlot(task, slot));
    } catch (error) {
      if (isDuplicateKey(error)) return "busy";
      throw error;
    }
  }

  async releaseSlot(fence: Fence): Promise<WriteResult> {
    return await this.#change(fence, (task) => without(task, "slot"));
  }

  async recordDispatch(fence: Fence, dispatch: Omit<Dispatch, "at">): Promise<WriteResult> {
    return await this.#change(fence, (task, now) => setDispatch(task, dispatch, now));
  }

  async updateStage(
    fence: Fence,
    name: StageName,
    patch: Partial<Stage>,
    progress?: number,
  ): Promise<WriteResult> {
    return await this.#change(fence, (task) => changeStage(task, name, patch, progress));
  }

  async recordInput(fence: Fence, input: InputFacts): Promise<WriteResult> {
    return await this.#change(fence, (task) => ({ ...task, input }));
  }

  async recordUpload(fence: Fence, checkpoint: Json): Promise<WriteResult> {
    return await this.#change(fence, (task) => ({ ...task, uploadCheckpoint: checkpoint }));
  }

  async settle(fence: Fence, outcome: Outcome): Promise<WriteResult> {
    return await this.#change(fence, (task, now) => settleTask(task, outcome, now));
  }

  async finishCleanup(fence: Fence): Promise<WriteResult> {
    return await this.#write(async (database) => {
      const stored = await database.tasks.find(fence.taskId);
      const answer = checkFence(stored?.task, fence.epoch);
      if (!stored || answer !== "canceled") return answer === "ok" ? "lost" : answer;
      if (stored.task.cleanupPending && !stored.task.lease) return "lost";
      await this.#save(database, stored, endCleanup(stored.task));
      return "ok";
    });
  }

  async heldSlots(): ReturnType<TaskStore["heldSlots"]> {
    return await this.#connection.run(({ tasks }) => tasks.heldSlots());
  }

  async purge(retentionMs: number, limit: number): Promise<number> {
    return await this.#connection.run(({ tasks }) => tasks.purge(retentionMs, limit));
  }

  async saveWorkflow(version: string, content: Json): Promise<void> {
    await this.#connection.run(({ workflows }) => workflows.save(version, content));
  }

  async loadWorkflow(version: string): Promise<Json | undefined> {
    return await this.#connection.run(({ workflows }) => workflows.load(version));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #change(fence: Fence, change: (task: Task, now: Date) => Task): Promise<WriteResult> {
    return await this.#write(async (database) => {
      const stored = await database.tasks.find(fence.taskId);
      const answer = checkFence(stored?.task, fence.epoch);
      if (stored && answer === "ok")
        await this.#save(database, stored, change(stored.task, stored.now));
      return answer;
    });
  }

  async #save(database: MongoDatabase, stored: StoredTask, next: Task): Promise<Task> {
    const saved = await saveTask(database, stored, next);
    return saved.rev === stored.task.rev ? saved : this.#told(database, saved);
  }

  /** Without a change stream, this process's own changes are told here. */
  #told({ isStandalone }: MongoDatabase, task: Task): Task {
    const { taskId, rev, status } = task;
    if (isStandalone) this.#changes.tell({ taskId, rev, status });
    return task;
  }

  /** {@link #write} for what others may be taking out of the same queue. */
  async #takeOut<T>(crowd: LeaseCrowd, work: (database: MongoDatabase) => Promise<T>): Promise<T> {
    return await this.#write(async (database) => {
      try {
        return await work(database);
      } catch (error) {
        if (error instanceof VersionConflict) crowd.noteConflict();
        throw error;
      }
    });
  }

  async #write<T>(work: (database: MongoDatabase) => Promise<T>): Promise<T> {
    return await this.#connection.run((database) => retryOnConflict(() => work(database)));
  }
}

async function isFull({ counts }: MongoDatabase, maxPendingCount: number): Promise<boolean> {
  return Number.isFinite(maxPendingCount) && (await counts.read()).pending >= maxPendingCount;
}
