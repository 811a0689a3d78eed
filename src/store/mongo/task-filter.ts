import type { Filter } from "mongodb";
import { TASK_STATUSES } from "../../domain/task.js";
import type { TaskFilter } from "../task-reading.js";
import { encodeLabel, type TaskDocument } from "./document.js";
import { INDEX } from "./schema.js";

/** The query that chooses tasks, and the index that answers it. */
export function chosenBy({ status, labels = [] }: TaskFilter): {
  readonly query: Filter<TaskDocument>;
  readonly hint: string;
} {
  if (labels.length === 0) {
    // Of any status that a task may have: chunks are of none of these.
    const statuses = status === undefined ? [...TASK_STATUSES] : [status];
    return { query: { status: { $in: statuses } }, hint: INDEX.status };
  }
  const query = {
    ...(status !== undefined && { status }),
    labels: { $all: labels.map(encodeLabel) },
  };
  return { query, hint: status ? INDEX.labelStatus : INDEX.label };
}
