import type { Json } from "../domain/task.js";

/** The part of a store that keeps the workflow versions that tasks are pinned to. */
export interface WorkflowArchive {
  /**
   * Keeps a workflow's content under its version, for good. Idempotent: the content of a version
   * never changes.
   */
  saveWorkflow(version: string, content: Json): Promise<void>;

  loadWorkflow(version: string): Promise<Json | undefined>;
}
