import { DEFAULT_TENANT } from "../../domain/caller.js";
import type { LearnedTime } from "../../domain/learned-time.js";
import type { ChunkTask, Json, Label, Task } from "../../domain/task.js";
import type { Logger } from "../../lib/logger.js";
import { replayOf } from "../core/admit.js";
import type { Decide } from "../core/decisions.js";
import { inOrder } from "../core/film-changes.js";
import { passOver } from "../core/lease-order.js";
import { leaseTo } from "../core/lease-to.js";
import { takeOver } from "../core/task-changes.js";
import { TASK_ID, TaskIds } from "../core/task-ids.js";
import { pageStart, toPage } from "../core/task-page.js";
import { TaskWrites } from "../core/task-writes.js";
import type { FollowedChange, FollowedTask } from "../task-following.js";
import type {
  CreateManyResult,
  CreateResult,
  Idempotency,
  NewTask,
  PendingLimits,
} from "../task-intake.js";
import type {
  AskForLease,
  HeartbeatResult,
  LeaseRequest,
  OrphanScope,
  ProgressReport,
} from "../task-queue.js";
import type { ListRequest, TaskChange, TaskCounts, TaskPage } from "../task-reading.js";
import type { TaskStore } from "../task-store.js";
import { ChangeFeed } from "../watch/change-feed.js";
import { admit, admitTogether, type Intake } from "./admission.js";
import { EmbeddedChangeLog } from "./change-log.js";
import { EmbeddedChunkTable } from "./chunk-table.js";
import type { EmbeddedDriver } from "./driver.js";
import { EmbeddedFacts } from "./facts.js";
import { GroupCommit } from "./group-commit.js";
import { HeldDuties } from "./held-duties.js";
import { EmbeddedHistory } from "./history.js";
import { EmbeddedKeys } from "./keys.js";
import { EmbeddedLearnedTimes } from "./learned-times.js";
import { LeaseAskers } from "./new-leases.js";
import { nextStoredLease, type QueueTables } from "./next-lease.js";
import { EmbeddedOutbox } from "./outbox.js";
import { EmbeddedOutboxTable } from "./outbox-table.js";
import { possibleLease } from "./possible-lease.js";
import { recordHeartbeat } from "./record-heartbeat.js";
import { EmbeddedTable } from "./table.js";
import { EmbeddedTenantTable } from "./tenant-table.js";
import { EmbeddedUploadLedger } from "./upload-ledger.js";
import { type EmbeddedTables, EmbeddedWrite } from "./write.js";

/** What an {@link EmbeddedTaskStore} is made of; it owns driver and lock. */
export interface EmbeddedTaskStoreParts {
  readonly driver: EmbeddedDriver;
  /** Released when the store is disposed, after the file was closed. */
  readonly lock: AsyncDisposable;
  readonly clock: () => number;
  readonly logger: Logger | undefined;
}

/**
 * The store on one SQLite file. Each method reads, decides and writes in one go, so nothing can come between;
 * writes that arrive together share a commit ({@link GroupCommit}). Subscribers are told after it.
 */
export class EmbeddedTaskStore extends TaskWrites implements TaskStore {
  readonly storeId: string;
  readonly hasTransactions = true;
  readonly history: EmbeddedHistory;
  readonly outbox: EmbeddedOutbox;
  readonly keys: EmbeddedKeys;
  readonly uploads: EmbeddedUploadLedger;
  readonly #driver: EmbeddedDriver;
  readonly #lock: AsyncDisposable;
  readonly #clock: () => number;
  readonly #table: EmbeddedTable;
  readonly #log: EmbeddedChangeLog;
  readonly #tables: EmbeddedTables;
  readonly #queue: QueueTables;
  readonly #intake: Omit<Intake, "leases">;
  readonly #facts: EmbeddedFacts;
  readonly #learnedTimes: EmbeddedLearnedTimes;
  readonly #feed: ChangeFeed;
  readonly #commits: GroupCommit;
  readonly #duties = new HeldDuties();
  readonly #leaseAskers: LeaseAskers;

  constructor({ driver, lock, clock, logger }: EmbeddedTaskStoreParts) {
    super();
    this.#driver = driver;
    this.#lock = lock;
    this.#clock = clock;
    this.#table = new EmbeddedTable(driver);
    this.#commits = new GroupCommit(driver);
    const tenants = new EmbeddedTenantTable(driver);
    this.#intake = { tasks: this.#table, tenants, ids: new TaskIds() };
    this.#queue = { tasks: this.#table, chunks: new EmbeddedChunkTable(driver), tenants };
    this.#log = new EmbeddedChangeLog(driver, this.#table);
    const onFailure = (error: unknown): void =>
      logger?.error({ err: error }, "a subscriber failed");
    this.#feed = new ChangeFeed(onFailure);
    this.#leaseAskers = new LeaseAskers(onFailure);
    this.history = new EmbeddedHistory(driver, clock);
    const outbox = new EmbeddedOutboxTable(driver);
    this.#tables = { tasks: this.#table, log: this.#log, outbox };
    this.outbox = new EmbeddedOutbox(outbox, this.#commits, clock);
    this.keys = new EmbeddedKeys(driver, this.#commits, clock);
    this.uploads = new EmbeddedUploadLedger(driver, this.#commits, clock);
    this.#facts = new EmbeddedFacts(driver);
    this.storeId = this.#facts.storeId;
    this.#learnedTimes = new EmbeddedLearnedTimes(driver);
    const voidedCount = this.#table.voidLeases();
    if (voidedCount > 0) logger?.info({ voidedCount }, "voided the leases of a former process");
  }

  async create(request: NewTask, limits: PendingLimits = {}): Promise<CreateResult> {
    return await this.#admit((write, intake) => admit(write, request, limits, intake));
  }

  async createTogether(
    requests: readonly NewTask[],
    limits: PendingLimits = {},
  ): Promise<CreateManyResult> {
    return await this.#admit((write, intake) => admitTogether(write, requests, limits, intake));
  }

  async replay(
    idempotency: Idempotency,
    tenant = DEFAULT_TENANT,
  ): Promise<CreateResult | undefined> {
    const former = this.#table.findByKey(idempotency.key, tenant);
    return former && replayOf(former, idempotency);
  }

  async getUnit(taskId: string): Promise<Task | undefined> {
    return this.#table.find(taskId);
  }

  async chunks(filmId: string): Promise<readonly ChunkTask[]> {
    return TASK_ID.test(filmId) ? inOrder(await this.#queue.chunks.find(filmId)) : [];
  }

  async list({ pageSize, pageToken, tenant, ...filter }: ListRequest): Promise<TaskPage> {
    const page = [filter, pageStart(pageToken), pageSize + 1] as const;
    const isOfAll = tenant === undefined;
    const found = isOfAll ? this.#table.list(...page) : this.#queue.tenants.list(tenant, ...page);
    return toPage(found, pageSize);
  }

  async counts(labels: readonly Label[] = [], tenant?: string): Promise<TaskCounts> {
    if (tenant !== undefined) return this.#queue.tenants.counts(tenant, labels);
    return labels.length > 0 ? this.#table.countLabeled(labels) : this.#table.counts();
  }

  subscribe(listener: (change: TaskChange) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  async position(): Promise<string> {
    return String(this.#log.position);
  }

  async follow(taskIds: readonly string[]): Promise<readonly FollowedTask[]> {
    return this.#log.follow(taskIds);
  }

  changesAfter(position: string): AsyncGenerator<readonly FollowedChange[], void> {
    return this.#log.changesAfter(position);
  }

  override leaseNew(ask: AskForLease): () => void {
    return this.#leaseAskers.subscribe(ask);
  }

  async lease(asked: LeaseRequest): Promise<Task | undefined> {
    const request = possibleLease(asked, this.#clock(), this.#driver, this.#queue);
    if (request === undefined) return undefined;
    return await this.#write((write) => {
      const next = nextStoredLease(request, write.now, this.#queue);
      if (!next) return undefined;
      for (const head of next.passed) write.save(head, passOver(head, write.now));
      return write.save(next.task, leaseTo(request, next.task, write.now));
    });
  }

  async leaseOrphan(
    owner: string,
    leaseMs: number,
    scope: OrphanScope = "all",
  ): Promise<Task | undefined> {
    if (this.#table.findOrphan(this.#clock(), scope) === undefined) return undefined;
    return await this.#write((write) => {
      const task = this.#table.findOrphan(write.now.getTime(), scope);
      return task && write.save(task, takeOver(task, owner, leaseMs, write.now));
    });
  }

  async queueAgeMs(): Promise<number> {
    const nowMs = this.#clock();
    return Math.max(0, nowMs - (this.#table.findOldestDueMs() ?? nowMs));
  }

  async nextDueInMs(): Promise<number | undefined> {
    const nowMs = this.#clock();
    const nextMs = this.#table.findNextDueMs(nowMs);
    return nextMs === undefined ? undefined : nextMs - nowMs;
  }

  async heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult> {
    return await this.#write((write) => {
      const lease = { owner, expiresAt: new Date(write.now.getTime() + leaseMs) };
      return recordHeartbeat(write, lease, reports, this.#queue);
    });
  }

  async listExpired(retentionMs: number, limit: number, skip = 0): Promise<readonly Task[]> {
    return this.#table.listEnded(this.#clock() - retentionMs, limit, skip);
  }

  async deleteEnded(taskIds: readonly string[]): Promise<number> {
    return await this.#write((write) => {
      this.#log.forgetDeleted(write.now.getTime());
      return taskIds.reduce((count, taskId) => count + write.deleteEnded(taskId), 0);
    });
  }

  async leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#duties.lease(duty, owner, this.#clock(), leaseMs);
  }

  async saveWorkflow(version: string, content: Json): Promise<void> {
    this.#facts.saveWorkflow(version, content);
  }

  async loadWorkflow(version: string): Promise<Json | undefined> {
    return this.#facts.loadWorkflow(version);
  }

  async loadTimes(): Promise<readonly LearnedTime[]> {
    return this.#learnedTimes.load();
  }

  async saveTimes(times: readonly LearnedTime[]): Promise<void> {
    this.#learnedTimes.save(times, this.#clock());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commits.flush();
    this.#driver[Symbol.dispose]();
    await this.#lock[Symbol.asyncDispose]();
  }

  protected override async change<Answer>(taskId: string, decide: Decide<Answer>): Promise<Answer> {
    return await this.#write((write) => {
      const task = this.#table.find(taskId);
      const film = task?.chunk && this.#table.find(task.chunk.film);
      const { answer, next, added = [] } = decide(task && { task, now: write.now, film });
      for (const chunk of added) write.insert(chunk);
      if (task && next) write.save(task, next);
      return answer;
    });
  }

  protected override async unfinishedChunks(
    filmId: string,
    limit: number,
  ): Promise<readonly string[]> {
    return this.#queue.chunks.findUnfinished(filmId, limit);
  }

  protected override async countOpenChunks(filmId: string, limit: number): Promise<number> {
    return this.#queue.chunks.countOpen(filmId, limit);
  }

  async #admit<T>(work: (write: EmbeddedWrite, intake: Intake) => T): Promise<T> {
    return await this.#leaseAskers.during((leases) =>
      this.#write((write) => work(write, { ...this.#intake, leases })),
    );
  }

  async #write<T>(work: (write: EmbeddedWrite) => T): Promise<T> {
    let written: EmbeddedWrite | undefined;
    return await this.#commits.write(
      () => {
        const write = new EmbeddedWrite(this.#tables, this.#clock());
        const result = work(write);
        written = write;
        return result;
      },
      () => {
        this.#feed.publish(written?.changes ?? []);
        if (written?.hasEvents) this.outbox.tell();
      },
    );
  }
}
