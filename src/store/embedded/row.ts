import { DEFAULT_TENANT } from "../../domain/caller.js";
import { isTerminal, type Label, type Task, type TaskStatus } from "../../domain/task.js";
import { asTenants } from "../../domain/tenant.js";
import { orphanAtOf } from "../core/orphan-at.js";
import { type DatedParts, readParts, type WithTextDates } from "../core/task-text.js";
import type { SqlValue } from "./driver.js";

/** A row of the table `tasks` as {@link TASK_COLUMNS} selects it. */
export interface TaskRow {
  /** A JSON array of {@link Columns}. */
  readonly fields: string;
  /** What no query needs. */
  readonly document: string;
}

type Columns = readonly [
  taskId: string,
  rev: number,
  epoch: number,
  status: TaskStatus,
  priority: number,
  workflow: string,
  tenant: string,
  dueAt: number,
  turnAt: number | null,
  finishedAt: number | null,
  leaseOwner: string | null,
  orphanAt: number | null,
  slot: string | null,
  idempotencyKey: string | null,
];

/**
 * What a query selects for {@link toTask}. The columns come as one text: the driver takes longer to hand
 * over each of them than to print and read them all.
 */
export const TASK_COLUMNS = `json_array(tasks.task_id, tasks.rev, tasks.epoch, tasks.status,
  tasks.priority, tasks.workflow, tasks.tenant, tasks.due_at, tasks.turn_at, tasks.finished_at,
  tasks.lease_owner, tasks.orphan_at, tasks.slot, tasks.idempotency_key) AS fields, tasks.document`;

/** The columns that change with a task, in the order of {@link changingValues}. */
export const CHANGING_COLUMNS = [
  "rev",
  "epoch",
  "status",
  "due_at",
  "finished_at",
  "lease_owner",
  "orphan_at",
  "slot",
  "document",
] as const;

/** A task's values for {@link CHANGING_COLUMNS}. */
export function changingValues(task: Task): readonly SqlValue[] {
  return [
    task.rev,
    task.epoch,
    task.status,
    task.dueAt.getTime(),
    task.finishedAt?.getTime() ?? null,
    task.lease?.owner ?? null,
    orphanAtOf(task)?.getTime() ?? null,
    task.slot ?? null,
    toDocument(task),
  ];
}

/**
 * An idempotency key as stored: encoded, so that every string a client may send survives, and with its
 * tenant, since the same key of another tenant is another one.
 */
export function encodeKey(key: string, tenant: string): string {
  return JSON.stringify(tenant === DEFAULT_TENANT ? key : [tenant, key]);
}

function decodeKey(text: string): string {
  const stored = JSON.parse(text) as string | readonly [tenant: string, key: string];
  return typeof stored === "string" ? stored : stored[1];
}

/** A label as stored, encoded like a key. */
export function encodeLabel(label: Label): string {
  return JSON.stringify(label);
}

/**
 * The task of a row. It shares no object with any other. The parsed document is filled in place: to
 * copy it takes five times as long as to parse it.
 */
export function toTask(row: TaskRow): Task {
  const document = JSON.parse(row.document) as StoredDocument;
  const { createdAt, updatedAt, notBefore, firstBypassedAt } = document;
  return Object.assign(document, columnFields(row.fields), readParts(document), {
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    ...(notBefore !== undefined && { notBefore: new Date(notBefore) }),
    ...(firstBypassedAt !== undefined && { firstBypassedAt: new Date(firstBypassedAt) }),
  });
}

/** The fields that have columns. The document leaves them out: no fact is stored twice. */
type ColumnField =
  | "taskId"
  | "rev"
  | "epoch"
  | "status"
  | "priority"
  | "workflow"
  | "tenant"
  | "dueAt"
  | "turnAt"
  | "finishedAt"
  | "lease"
  | "slot"
  | "cleanupPending"
  | "idempotencyKey";

type StoredDocument = WithTextDates<
  Omit<Task, ColumnField | keyof DatedParts>,
  "createdAt" | "updatedAt" | "notBefore" | "firstBypassedAt"
> &
  DatedParts;

function toDocument(task: Task): string {
  const {
    taskId,
    rev,
    epoch,
    status,
    priority,
    workflow,
    tenant,
    dueAt,
    turnAt,
    finishedAt,
    lease,
    slot,
    cleanupPending,
    idempotencyKey,
    ...document
  } = task;
  return JSON.stringify(document);
}

function columnFields(text: string): Pick<Task, ColumnField> {
  const [taskId, rev, epoch, status, priority, workflow, tenant, ...others] = JSON.parse(
    text,
  ) as Columns;
  const [dueAt, turnAt, finishedAt, owner, expiresAt, slot, idempotencyKey] = others;
  return {
    ...{ taskId, rev, epoch, status, priority, workflow },
    ...asTenants(tenant),
    dueAt: new Date(dueAt),
    ...(turnAt !== null && { turnAt: new Date(turnAt) }),
    ...(finishedAt !== null && { finishedAt: new Date(finishedAt) }),
    ...(owner !== null && { lease: { owner, expiresAt: new Date(expiresAt ?? 0) } }),
    ...(slot !== null && { slot }),
    ...(isTerminal(status) && expiresAt !== null && { cleanupPending: true }),
    ...(idempotencyKey !== null && { idempotencyKey: decodeKey(idempotencyKey) }),
  };
}
