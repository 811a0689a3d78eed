import { setImmediate } from "node:timers/promises";
import { DEFAULT_TENANT } from "../domain/caller.js";
import { TaskError, type Violation } from "../domain/errors.js";
import type { Task } from "../domain/task.js";
import { asTenants, tenantOf } from "../domain/tenant.js";
import { defined } from "../lib/defined.js";
import type {
  CreateManyResult,
  CreateResult,
  Idempotency,
  NewTask,
  PendingLimits,
  TaskIntake,
} from "../store/task-intake.js";
import type { WorkflowArchive } from "../store/workflow-archive.js";
import { toContent } from "../workflow/read/workflow-content.js";
import type { Workflow } from "../workflow/workflow.js";
import {
  type CheckedTask,
  type CreateContext,
  type CreateTask,
  checkTask,
  idempotencyOf,
  invalid,
} from "./create-task.js";

/** The objects that requests for tasks are taken with. */
export interface TaskSubmissionOptions extends CreateContext {
  readonly store: TaskIntake & WorkflowArchive;
  /** Whose the tasks of new requests are. @default `default` */
  readonly tenant?: string;
  /** How many tasks of a tenant, and in all, may wait. */
  readonly limitsOf: (tenant: string) => PendingLimits;
}

/** How long a client should wait when the queue is full. */
const QUEUE_FULL_RETRY_MS = 10_000;

/** Takes requests for tasks: checks them and stores what they ask for. */
export class TaskSubmission {
  readonly #options: TaskSubmissionOptions;
  readonly #tenant: string;
  /** Workflow versions that this process has already saved in the store. */
  readonly #savedVersions = new Set<string>();

  constructor(options: TaskSubmissionOptions) {
    this.#options = options;
    this.#tenant = options.tenant ?? DEFAULT_TENANT;
  }

  /**
   * Accepts a task. The task is stored when this returns.
   *
   * @param retried the task that this one repeats, whose tenant it keeps.
   * @throws TaskError INVALID_REQUEST, WORKFLOW_NOT_RUNNABLE, WEBHOOKS_NOT_CONFIGURED,
   *   STORE_WITHOUT_TRANSACTIONS (only with a webhook), IDEMPOTENCY_CONFLICT, QUEUE_FULL, TENANT_FULL.
   */
  async create(request: CreateTask, retried?: Task): Promise<Task> {
    const idempotency = idempotencyOf(request);
    const tenant = retried ? tenantOf(retried) : this.#tenant;
    // A repeated request is answered before it is checked. It was accepted once; since then its
    // upload may have expired, or its workflow may have been removed.
    const result =
      (idempotency && (await this.#options.store.replay(idempotency, tenant))) ??
      (await this.#createNew(request, tenant, retried?.taskId));
    switch (result.outcome) {
      case "created":
      case "replayed":
        return result.task;
      case "conflict":
        throw conflict(request);
      case "full":
      case "tenant_full":
        throw queueFull(result.outcome, this.#options.limitsOf(tenant));
    }
  }

  /**
   * Accepts several tasks, all or none.
   *
   * @returns them in the order of the requests.
   * @throws TaskError as {@link create}, its violations named by index; STORE_WITHOUT_TRANSACTIONS.
   */
  async createTogether(requests: readonly CreateTask[]): Promise<readonly Task[]> {
    const { store, limitsOf } = this.#options;
    const limits = limitsOf(this.#tenant);
    const newTasks = await this.#checkAll(requests);
    const result: CreateManyResult = await store.createTogether(newTasks, limits);
    switch (result.outcome) {
      case "created":
        return result.tasks;
      case "conflict":
        throw conflict(requests[result.index]);
      case "full":
      case "tenant_full":
        throw queueFull(result.outcome, limits);
    }
  }

  async #checkAll(requests: readonly CreateTask[]): Promise<readonly NewTask[]> {
    const newTasks: NewTask[] = [];
    const violations: Violation[] = [...keysUsedTwice(requests)];
    for (const [index, request] of requests.entries()) {
      // Checking is work for the processor alone: others get their turn in between.
      await setImmediate();
      const checked = await this.#checkOrReplay(request).catch((error: unknown) => {
        if (!(error instanceof TaskError)) throw error;
        if (error.violations.length === 0) throw atIndex(error, index);
        violations.push(...error.violations.map((violation) => within(violation, index)));
        return undefined;
      });
      if (checked !== undefined) newTasks.push(checked);
    }
    if (violations.length > 0) throw invalid(violations);
    return newTasks;
  }

  /** What to store of a request; of one that was accepted before under its key, that again. */
  async #checkOrReplay(request: CreateTask): Promise<NewTask> {
    const idempotency = idempotencyOf(request);
    const former = idempotency && (await this.#options.store.replay(idempotency, this.#tenant));
    if (former?.outcome === "replayed") return asNew(former.task, idempotency);
    const { newTask, workflow } = await this.#check(request);
    await this.#save(workflow);
    return { ...newTask, ...asTenants(this.#tenant), ...defined({ idempotency }) };
  }

  async #createNew(
    request: CreateTask,
    tenant: string,
    retryOf: string | undefined,
  ): Promise<CreateResult> {
    const { store, limitsOf } = this.#options;
    const { newTask, workflow } = await this.#check(request);
    await this.#save(workflow);
    const more = defined({ idempotency: idempotencyOf(request), retryOf });
    return await store.create({ ...newTask, ...asTenants(tenant), ...more }, limitsOf(tenant));
  }

  async #check(request: CreateTask): Promise<CheckedTask> {
    return await checkTask(request, this.#options);
  }

  /** Whoever runs the task later finds the workflow as it is now. */
  async #save(workflow: Workflow): Promise<void> {
    if (this.#savedVersions.has(workflow.version)) return;
    await this.#options.store.saveWorkflow(workflow.version, toContent(workflow));
    this.#savedVersions.add(workflow.version);
  }
}

/** What a task was stored from. */
function asNew(task: Task, idempotency: Idempotency | undefined): NewTask {
  const { params, type, workflow, workflowVersion, parameters, priority } = task;
  const { notBefore, labels, retryOf, chunking, webhook, tenant } = task;
  return {
    ...{ params, type, workflow, workflowVersion, parameters, priority },
    ...defined({ notBefore, labels, retryOf, chunking, webhook, tenant, idempotency }),
  };
}

function keysUsedTwice(requests: readonly CreateTask[]): Violation[] {
  const seen = new Set<string>();
  return requests.flatMap(({ idempotencyKey: key }, index) => {
    if (key === undefined || !seen.has(key)) {
      if (key !== undefined) seen.add(key);
      return [];
    }
    const message = "idempotency_key is that of another task of the request";
    return [within({ field: "idempotency_key", message }, index)];
  });
}

function within({ field, message }: Violation, index: number): Violation {
  return { field: `tasks[${index}].${field}`, message };
}

function atIndex(error: TaskError, index: number): TaskError {
  const { code, message, cause } = error;
  return new TaskError(code, `tasks[${index}]: ${message}`, { cause });
}

function conflict(request: CreateTask | undefined): TaskError {
  return new TaskError(
    "IDEMPOTENCY_CONFLICT",
    `Idempotency key "${request?.idempotencyKey}" was used for another request; use a new key`,
  );
}

function queueFull(
  outcome: "full" | "tenant_full",
  { maxPendingCount = 0, maxTenantPendingCount = 0 }: PendingLimits,
): TaskError {
  const isTenants = outcome === "tenant_full";
  const count = isTenants ? maxTenantPendingCount : maxPendingCount;
  const waiting = count === 1 ? "1 task is" : `${count} tasks are`;
  const message = isTenants
    ? `Your queue is full: ${count} of your tasks may wait; try again when some have begun, or cancel some`
    : `The queue is full: ${waiting} waiting; try again later`;
  const options = { retryAfterMs: QUEUE_FULL_RETRY_MS };
  return new TaskError(isTenants ? "TENANT_FULL" : "QUEUE_FULL", message, options);
}
