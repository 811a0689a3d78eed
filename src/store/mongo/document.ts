import { isDeepStrictEqual } from "node:util";
import type { Filter, UpdateFilter } from "mongodb";
import { DEFAULT_TENANT } from "../../domain/caller.js";
import {
  isTerminal,
  type Json,
  type Label,
  type Task,
  type TaskStatus,
} from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { orphanAtOf } from "../core/orphan-at.js";

/**
 * A task as stored in the collection `tasks`. What a client wrote as JSON is kept as text, so that
 * every key and every string survives; absent means absent, never null.
 */
export interface TaskDocument extends SameFields {
  readonly _id: string;
  /** The form of this document. */
  readonly schema: typeof DOCUMENT_SCHEMA;
  /**
   * Grows with every write, visible or not, except the renewal of a lease. A write is refused when
   * the version is no longer the one that was read.
   */
  readonly version: number;
  readonly status: StoredStatus;
  /** Revision and status in one field, replaced as a whole: the change stream then tells both. */
  readonly change: { readonly rev: number; readonly status: StoredStatus };
  /** When, by the server's clock, `change` was written. */
  readonly changedAt: Date;
  readonly params: string;
  readonly parameters: string;
  readonly uploadCheckpoint?: string;
  /** The labels, each as {@link encodeLabel} writes it: keys may hold dots, which names of fields may not. */
  readonly labels?: readonly string[];
  readonly idempotency?: Idempotency;
  readonly leaseOwner?: string;
  /**
   * When another process may take the task over, as {@link orphanAtOf} says.
   */
  readonly orphanAt?: Date;
  /**
   * When the task ended, from which the retention counts; absent while its cleanup is to come. A chunk
   * has none: it is deleted with its film.
   */
  readonly retainedSince?: Date;
}

/** Fields that are stored as they are. */
type SameFields = Omit<
  Task,
  | "taskId"
  | "rev"
  | "status"
  | "params"
  | "parameters"
  | "uploadCheckpoint"
  | "labels"
  | "idempotencyKey"
  | "lease"
  | "cleanupPending"
>;

/**
 * A task's status, or a chunk's under a name of its own: so no query and no index for tasks has to look
 * at chunks, however many there are.
 */
export type StoredStatus = TaskStatus | ChunkStatus;
type ChunkStatus = `${typeof CHUNK}${TaskStatus}`;

const CHUNK = "chunk_";

/** The status of a chunk as stored. */
export function chunkStatus(status: TaskStatus): ChunkStatus {
  return `${CHUNK}${status}`;
}

interface Idempotency {
  /** As {@link encodeKey} writes it. */
  readonly key: string;
  readonly requestHash: string;
}

/** The current form of a {@link TaskDocument}. */
export const DOCUMENT_SCHEMA = 1;

/** The fields of a document that come from the task; the store itself sets the rest. */
type TaskFields = Omit<TaskDocument, "_id" | "schema" | "version" | "changedAt" | "idempotency">;

/** The document of a new task; the server adds `changedAt`. */
export function toDocument(
  task: Task,
  requestHash: string | undefined,
): Omit<TaskDocument, "changedAt"> {
  const { taskId, idempotencyKey } = task;
  return {
    _id: taskId,
    schema: DOCUMENT_SCHEMA,
    version: 1,
    ...toFields(task),
    ...(idempotencyKey !== undefined &&
      requestHash !== undefined && {
        idempotency: { key: encodeKey(idempotencyKey, tenantOf(task)), requestHash },
      }),
  };
}

/** The task of a document. It shares no object with any other task. */
export function toTask(document: TaskDocument): Task {
  const { _id, schema, version, change, changedAt, retainedSince, ...stored } = document;
  const { params, parameters, uploadCheckpoint, labels, idempotency, ...rest } = stored;
  const { leaseOwner, orphanAt, status: storedStatus, ...same } = rest;
  const status = storedStatus.replace(CHUNK, "") as TaskStatus;
  return {
    ...same,
    status,
    taskId: _id,
    rev: change.rev,
    params: JSON.parse(params) as Task["params"],
    parameters: JSON.parse(parameters) as Task["parameters"],
    ...(uploadCheckpoint !== undefined && {
      uploadCheckpoint: JSON.parse(uploadCheckpoint) as Json,
    }),
    ...(labels && { labels: Object.fromEntries(labels.map(decodeLabel)) }),
    ...(idempotency && { idempotencyKey: decodeKey(idempotency.key) }),
    ...(leaseOwner !== undefined &&
      orphanAt && { lease: { owner: leaseOwner, expiresAt: orphanAt } }),
    ...(isTerminal(status) && orphanAt && { cleanupPending: true }),
  };
}

/** An idempotency key as stored, with its tenant: the same key of another tenant is another one. */
export function encodeKey(key: string, tenant: string): string {
  return JSON.stringify(tenant === DEFAULT_TENANT ? key : [tenant, key]);
}

function decodeKey(text: string): string {
  const stored = JSON.parse(text) as string | readonly [tenant: string, key: string];
  return typeof stored === "string" ? stored : stored[1];
}

/** The query for the documents of a tenant: those of `default` have no such field. */
export function ofTenant(tenant: string): Filter<TaskDocument> {
  return { tenant: tenant === DEFAULT_TENANT ? { $exists: false } : tenant };
}

/** A label as stored. */
export function encodeLabel([key, value]: Label): string {
  return `${key}:${value}`;
}

/** Keys hold no colon. */
function decodeLabel(text: string): Label {
  const at = text.indexOf(":");
  return [text.slice(0, at), text.slice(at + 1)];
}

/**
 * The update from one state of a task to the next, with only the fields that differ.
 *
 * @returns undefined if there is nothing to write.
 */
export function toUpdate(before: Task, next: Task): UpdateFilter<TaskDocument> | undefined {
  const from: Readonly<Record<string, unknown>> = { ...toFields(before) };
  const to: Readonly<Record<string, unknown>> = { ...toFields(next) };
  const changed = Object.keys({ ...from, ...to }).filter(
    (field) => !isDeepStrictEqual(from[field], to[field]),
  );
  if (changed.length === 0) return undefined;
  const set = changed.filter((field) => to[field] !== undefined);
  const unset = changed.filter((field) => to[field] === undefined);
  return {
    $set: Object.fromEntries(set.map((field) => [field, to[field]])),
    $unset: Object.fromEntries(unset.map((field) => [field, ""])),
    $inc: { version: 1 },
    ...(before.rev !== next.rev && { $currentDate: { changedAt: true } }),
  } as UpdateFilter<TaskDocument>;
}

function toFields(task: Task): TaskFields {
  const { taskId, rev, idempotencyKey, lease, cleanupPending, ...rest } = task;
  const { params, parameters, uploadCheckpoint, labels, ...same } = rest;
  const orphanAt = orphanAtOf(task);
  const status = task.chunk ? chunkStatus(task.status) : task.status;
  return {
    ...same,
    status,
    change: { rev, status },
    params: JSON.stringify(params),
    parameters: JSON.stringify(parameters),
    ...(uploadCheckpoint !== undefined && { uploadCheckpoint: JSON.stringify(uploadCheckpoint) }),
    ...(labels && { labels: Object.entries(labels).map(encodeLabel) }),
    ...(lease && { leaseOwner: lease.owner }),
    ...(orphanAt && { orphanAt }),
    ...(task.finishedAt && !orphanAt && !task.chunk && { retainedSince: task.finishedAt }),
  };
}
