import { DEFAULT_TENANT } from "../../domain/caller.js";
import { isTerminal, type Label, type Task, type TaskStatus } from "../../domain/task.js";
import { asTenants } from "../../domain/tenant.js";
import { orphanAtOf } from "../core/orphan-at.js";
import { type DatedParts, readParts, type WithTextDates } from "../core/task-text.js";
import type { SqlValue } from "./driver.js";

/** A row of the table `tasks`: what queries need in columns, the rest in the document. */
export interface TaskRow {
  readonly task_id: string;
  readonly rev: number;
  readonly epoch: number;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly workflow: string;
  readonly tenant: string;
  readonly due_at: number;
  readonly turn_at: number | null;
  readonly finished_at: number | null;
  readonly lease_owner: string | null;
  readonly orphan_at: number | null;
  readonly slot: string | null;
  readonly idempotency_key: string | null;
  readonly document: string;
}

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
 * The task of a row. It shares no object with any other task. The parsed document is filled in place: to
 * copy it takes five times as long as to parse it.
 */
export function toTask(row: TaskRow): Task {
  const document = JSON.parse(row.document) as StoredDocument;
  const { createdAt, updatedAt, notBefore, firstBypassedAt } = document;
  return Object.assign(document, columnFields(row), readParts(document), {
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

function columnFields(row: TaskRow): Pick<Task, ColumnField> {
  const { lease_owner: owner, orphan_at: expiresAt } = row;
  return {
    taskId: row.task_id,
    rev: row.rev,
    epoch: row.epoch,
    status: row.status,
    priority: row.priority,
    workflow: row.workflow,
    ...asTenants(row.tenant),
    dueAt: new Date(row.due_at),
    ...(row.turn_at !== null && { turnAt: new Date(row.turn_at) }),
    ...(row.finished_at !== null && { finishedAt: new Date(row.finished_at) }),
    ...(owner !== null && { lease: { owner, expiresAt: new Date(expiresAt ?? 0) } }),
    ...(row.slot !== null && { slot: row.slot }),
    ...(isTerminal(row.status) && expiresAt !== null && { cleanupPending: true }),
    ...(row.idempotency_key !== null && { idempotencyKey: decodeKey(row.idempotency_key) }),
  };
}
