import type { Filter } from "mongodb";
import type { TaskFilter } from "../task-reading.js";
import { encodeLabel, type TaskDocument } from "./document.js";
import { INDEX } from "./schema.js";

/** The query that chooses tasks, and the index that answers it. */
export function chosenBy({ status, labels = [] }: TaskFilter): {
  readonly query: Filter<TaskDocument>;
  readonly hint: string;
} {
  const query = {
    ...(status !== undefined && { status }),
    ...(labels.length > 0 && { labels: { $all: labels.map(encodeLabel) } }),
  };
  if (labels.length > 0) return { query, hint: status ? INDEX.labelStatus : INDEX.label };
  return { query, hint: status ? INDEX.status : "_id_" };
}
