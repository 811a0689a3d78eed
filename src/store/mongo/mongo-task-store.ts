import { DEFAULT_TENANT } from "../../domain/caller.js";
import type { LearnedTime } from "../../domain/learned-time.js";
import type { ChunkTask, Json, Label, Task } from "../../domain/task.js";
import { replayOf } from "../core/admit.js";
import type { Decide } from "../core/decisions.js";
import { inOrder } from "../core/film-changes.js";
import { passOver } from "../core/lease-order.js";
import { leaseTo } from "../core/lease-to.js";
import { takeOver } from "../core/task-changes.js";
import { TASK_ID, TaskIds } from "../core/task-ids.js";
import { pageStart, toPage } from "../core/task-page.js";
import { TaskWrites } from "../core/task-writes.js";
import type { FilmQueue } from "../film-queue.js";
import type { HistoryArchive } from "../history-archive.js";
import type { KeyArchive } from "../key-archive.js";
import type { FollowedChange, FollowedTask } from "../task-following.js";
import type {
  CreateManyResult,
  CreateResult,
  Idempotency,
  NewTask,
  PendingLimits,
} from "../task-intake.js";
import type {
  HeartbeatResult,
  LeaseRequest,
  OrphanScope,
  ProgressReport,
  WriteResult,
} from "../task-queue.js";
import {
  DELETED_REV,
  type ListRequest,
  type TaskChange,
  type TaskCounts,
  type TaskPage,
} from "../task-reading.js";
import type { TaskStore } from "../task-store.js";
import type { UploadLedger } from "../upload-ledger.js";
import { type Admission, admit, admitTogether, firstOf, refuseStandalone } from "./admission.js";
import type { MongoChanges } from "./changes.js";
import type { MongoConnection } from "./connection.js";
import type { MongoDatabase } from "./database.js";
import { renewLeases } from "./heartbeat.js";
import { historyOf } from "./history.js";
import { keysOf } from "./keys.js";
import { LeaseCrowd, nextStoredLease } from "./next-lease.js";
import { MongoOutbox } from "./outbox.js";
import { retryOnConflict, saveTasks, type TaskWrite } from "./save.js";
import { uploadsOf } from "./upload-ledger.js";

/**
 * The store on a MongoDB database that several processes share. Each method reads a task, decides,
 * and writes on condition that the task is still as it was read; if it is not, the method begins
 * anew. Writes to several documents are one transaction. All times are the database server's.
 */
export class MongoTaskStore extends TaskWrites implements TaskStore {
  readonly history: HistoryArchive;
  readonly outbox: MongoOutbox;
  readonly keys: KeyArchive;
  readonly uploads: UploadLedger;
  readonly #connection: MongoConnection;
  readonly #changes: MongoChanges;
  readonly #taskIds = new TaskIds();
  readonly #leasing = new LeaseCrowd();
  readonly #reaping = new LeaseCrowd();

  /** Owns both: they end with the store. */
  constructor(connection: MongoConnection, changes: MongoChanges) {
    super();
    this.#connection = connection;
    this.history = historyOf(connection);
    this.outbox = new MongoOutbox(connection);
    this.keys = keysOf(connection);
    this.uploads = uploadsOf((work) => connection.run(work));
    this.#changes = changes;
  }

  /**
   * The id of the database, made once for it. @throws TaskError STORE_UNAVAILABLE while it was
   * never reached.
   */
  get storeId(): string {
    return this.#connection.database.storeId;
  }

  get hasTransactions(): boolean {
    return !this.#connection.database.isStandalone;
  }

  async create(request: NewTask, limits: PendingLimits = {}): Promise<CreateResult> {
    return await this.#admit((database) => admit(database, request, limits, this.#taskIds));
  }

  async createTogether(
    requests: readonly NewTask[],
    limits: PendingLimits = {},
  ): Promise<CreateManyResult> {
    return await this.#admit((database) =>
      admitTogether(database, requests, limits, this.#taskIds),
    );
  }

  async replay(
    idempotency: Idempotency,
    tenant = DEFAULT_TENANT,
  ): Promise<CreateResult | undefined> {
    const { key } = idempotency;
    const former = await this.#connection.run(({ tasks }) => tasks.findByKey(key, tenant));
    return former && replayOf(former, idempotency);
  }

  async getUnit(taskId: string): Promise<Task | undefined> {
    return (await this.#connection.run(({ tasks }) => tasks.find(taskId)))?.task;
  }

  async chunks(filmId: string): Promise<readonly ChunkTask[]> {
    if (!TASK_ID.test(filmId)) return [];
    return inOrder(await this.#connection.run(({ chunks }) => chunks.find(filmId)));
  }

  /** @throws TaskError STORE_WITHOUT_TRANSACTIONS */
  override async addChunks(...args: Parameters<FilmQueue["addChunks"]>): Promise<WriteResult> {
    refuseStandalone(this.#connection.database, "run the film as several chunks");
    return await super.addChunks(...args);
  }

  async list({ pageSize, pageToken, ...filter }: ListRequest): Promise<TaskPage> {
    const belowId = pageStart(pageToken);
    const found = await this.#connection.run(({ tasks }) =>
      tasks.list(filter, belowId, pageSize + 1),
    );
    return toPage(found, pageSize);
  }

  async counts(labels: readonly Label[] = [], tenant?: string): Promise<TaskCounts> {
    return await this.#connection.run(({ counts }) =>
      labels.length > 0 ? counts.readLabeled(labels, tenant) : counts.read(tenant),
    );
  }

  subscribe(listener: (change: TaskChange) => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async position(): Promise<string> {
    return await this.#connection.run(async () => this.#changes.position);
  }

  async follow(taskIds: readonly string[]): Promise<readonly FollowedTask[]> {
    return await this.#connection.run(({ log }) => log.follow(taskIds));
  }

  async *changesAfter(position: string): AsyncGenerator<readonly FollowedChange[], void> {
    const pages = await this.#connection.run(async ({ log }) => log.changesAfter(position));
    for (;;) {
      const next = await this.#connection.run(() => pages.next());
      if (next.done) return;
      yield next.value;
    }
  }

  async lease(request: LeaseRequest): Promise<Task | undefined> {
    return await this.#takeOut(this.#leasing, async (database) => {
      const lease = await nextStoredLease(database, request, this.#leasing.place());
      if (!lease) return undefined;
      const { next, passed, takeTurn } = lease;
      const begun = leaseTo(request, next.task, next.now);
      const passes = passed.map((head): TaskWrite => [head, passOver(head.task, head.now)]);
      return await this.#save(database, [[next, begun], ...passes], [], takeTurn);
    });
  }

  async leaseOrphan(
    owner: string,
    leaseMs: number,
    scope: OrphanScope = "all",
  ): Promise<Task | undefined> {
    return await this.#takeOut(this.#reaping, async (database) => {
      const orphan = await database.queue.findOrphan(this.#reaping.place(), scope);
      if (!orphan) return undefined;
      const taken = takeOver(orphan.task, owner, leaseMs, orphan.now);
      return await this.#save(database, [[orphan, taken]]);
    });
  }

  async queueAgeMs(): Promise<number> {
    const oldest = await this.#connection.run(({ queue }) => queue.findOldestDue());
    return oldest ? Math.max(0, oldest.now.getTime() - oldest.task.dueAt.getTime()) : 0;
  }

  async nextDueInMs(): Promise<number | undefined> {
    return await this.#connection.run(({ queue }) => queue.nextDueInMs());
  }

  async heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult> {
    return await this.#write((database) => renewLeases(database, owner, leaseMs, reports));
  }

  async listExpired(retentionMs: number, limit: number, skip = 0): Promise<readonly Task[]> {
    return await this.#connection.run(({ tasks }) => tasks.listEnded(retentionMs, limit, skip));
  }

  async deleteEnded(taskIds: readonly string[]): Promise<number> {
    return await this.#connection.run(async ({ tasks, log, outboxes }) => {
      await log.noteDeleted(taskIds);
      await outboxes.letGo(taskIds);
      const count = await tasks.deleteEnded(taskIds);
      for (const { taskId } of await log.findDeleted(taskIds))
        this.#changes.tell({ taskId, rev: DELETED_REV });
      return count;
    });
  }

  async leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean> {
    return await this.#connection.run(({ duties }) => duties.leaseDuty(duty, owner, leaseMs));
  }

  async saveWorkflow(version: string, content: Json): Promise<void> {
    await this.#connection.run(({ workflows }) => workflows.save(version, content));
  }

  async loadWorkflow(version: string): Promise<Json | undefined> {
    return await this.#connection.run(({ workflows }) => workflows.load(version));
  }

  async loadTimes(): Promise<readonly LearnedTime[]> {
    return await this.#connection.run(({ learnedTimes }) => learnedTimes.load());
  }

  async saveTimes(times: readonly LearnedTime[]): Promise<void> {
    await this.#connection.run(({ learnedTimes }) => learnedTimes.save(times));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  protected override async change<Answer>(taskId: string, decide: Decide<Answer>): Promise<Answer> {
    return await this.#write(async (database) => {
      const stored = await database.tasks.find(taskId);
      const read = stored && { task: stored.task, now: stored.now, film: stored.film?.task };
      const { answer, next, added } = decide(read);
      if (stored && next) await this.#save(database, [[stored, next]], added);
      return answer;
    });
  }

  protected override async unfinishedChunks(
    filmId: string,
    limit: number,
  ): Promise<readonly string[]> {
    return await this.#connection.run(({ chunks }) => chunks.findUnfinished(filmId, limit));
  }

  protected override async countOpenChunks(filmId: string, limit: number): Promise<number> {
    return await this.#connection.run(({ chunks }) => chunks.countOpen(filmId, limit));
  }

  /** Stores what tasks become. @returns the first of them. */
  async #save(...write: Parameters<typeof saveTasks>): Promise<Task> {
    const saved = await saveTasks(...write);
    for (const { task, isRevised } of saved) if (isRevised) this.#told(task);
    if (saved.some(({ hasEvent }) => hasEvent)) this.outbox.tell();
    return firstOf(saved).task;
  }

  /**
   * Tells subscribers of this process's own change, without waiting for the change stream: who asks
   * this process after its own call sees what the call did.
   */
  #told({ taskId, rev, status, chunk }: Task): void {
    if (chunk === undefined) this.#changes.tell({ taskId, rev, status });
  }

  async #admit<Answer>(
    work: (database: MongoDatabase) => Promise<Admission<Answer>>,
  ): Promise<Answer> {
    const { answer, saved } = await this.#write(work);
    for (const task of saved) this.#told(task);
    return answer;
  }

  /** Like {@link #write}, for a task that others may be taking out of the same queue. */
  async #takeOut<T>(crowd: LeaseCrowd, work: (database: MongoDatabase) => Promise<T>): Promise<T> {
    return await this.#write((database) => crowd.noting(() => work(database)));
  }

  async #write<T>(work: (database: MongoDatabase) => Promise<T>): Promise<T> {
    return await this.#connection.run((database) => retryOnConflict(() => work(database)));
  }
}
