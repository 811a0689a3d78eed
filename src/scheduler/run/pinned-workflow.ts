import { TaskError } from "../../domain/errors.js";
import type { Task } from "../../domain/task.js";
import type { WorkflowArchive } from "../../store/workflow-archive.js";
import type { WorkflowCatalog } from "../../workflow/catalog/catalog.js";
import { fromContent } from "../../workflow/read/workflow-content.js";
import type { Workflow } from "../../workflow/workflow.js";
import { persist } from "../lease/persist.js";

/** The workflow as it was when the task was created, even if its file has changed since. */
export async function pinnedWorkflow(
  task: Pick<Task, "workflow" | "workflowVersion">,
  catalog: WorkflowCatalog,
  store: WorkflowArchive,
  signal: AbortSignal,
): Promise<Workflow> {
  const current = catalog.find(task.workflow);
  if (current?.version === task.workflowVersion) return current;
  const content = await persist(() => store.loadWorkflow(task.workflowVersion), signal);
  if (content !== undefined) return fromContent(content);
  throw new TaskError(
    "WORKFLOW_INVALID",
    `Workflow "${task.workflow}" is no longer there in the version the task was created with`,
  );
}
