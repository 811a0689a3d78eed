import { memoryProfile } from "../../domain/memory-order.js";
import type { TimedPrompt } from "../../pool/learned/learned-times.js";
import { timedPrompt } from "../../pool/learned/timed-prompt.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { HeldTask } from "../lease/held-task.js";
import { hasLowMemory } from "./servers-left.js";

/** Notes what decides how long a task's prompt takes, as far as it is known by now. */
export function noteTimed(heldTask: HeldTask, workflow: Workflow): TimedPrompt {
  const { dispatch, input, memoryFailures, task } = heldTask;
  const next = memoryProfile(memoryFailures, hasLowMemory(heldTask, workflow));
  const isLowMemory = dispatch === undefined ? next.lowMemory : dispatch.lowMemory === true;
  const timed = timedPrompt(workflow, task.parameters, input, isLowMemory);
  heldTask.noteTimed(timed);
  return timed;
}
