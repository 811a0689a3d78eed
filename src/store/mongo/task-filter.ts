import type { Filter } from "mongodb";
import { TASK_STATUSES } from "../../domain/task.js";
import type { TaskFilter } from "../task-reading.js";
import { encodeLabel, ofTenant, type TaskDocument } from "./document.js";
import { INDEX } from "./schema.js";

/** The query that chooses tasks, and the index that answers it. */
export function chosenBy({ status, labels = [], tenant }: TaskFilter): {
  readonly query: Filter<TaskDocument>;
  readonly hint: string;
} {
  // Of any status that a task may have: chunks are of none of these.
  const ofStatus = { status: { $in: status === undefined ? [...TASK_STATUSES] : [status] } };
  if (tenant !== undefined) {
    const isLabeled = labels.length > 0;
    const query = { ...ofTenant(tenant), ...ofStatus };
    if (!isLabeled) return { query, hint: INDEX.tenant };
    return { query: { ...query, ...withAll(labels) }, hint: INDEX.tenantLabel };
  }
  if (labels.length === 0) return { query: ofStatus, hint: INDEX.status };
  const query = {
    ...(status !== undefined && { status }),
    ...withAll(labels),
  };
  return { query, hint: status ? INDEX.labelStatus : INDEX.label };
}

function withAll(labels: NonNullable<TaskFilter["labels"]>): Filter<TaskDocument> {
  return { labels: { $all: labels.map(encodeLabel) } };
}
