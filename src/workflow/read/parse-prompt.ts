import { z } from "zod";
import { TaskError } from "../../domain/errors.js";
import type { Json } from "../../domain/task.js";
import type { Prompt } from "../workflow.js";
import { firstIssue } from "./first-issue.js";

const json: z.ZodType<Json> = z.json();

// Other keys are left out, such as `is_changed`, which servers write into the graphs that they
// embed in pictures: a prompt with it makes the server skip its check for a changed file.
const promptNode = z
  .object({
    class_type: z.string().min(1),
    // A node without `inputs` would end the server's worker, so the field is always there.
    inputs: z.record(z.string(), json).default({}),
    _meta: z.object({ title: z.string().exactOptional() }).exactOptional(),
  })
  .readonly();

/** A prompt, with only what belongs to one. */
export const promptSchema = z.record(z.string(), promptNode);

/**
 * Checks that a value is a prompt, and takes only the fields of one. @throws TaskError
 * WORKFLOW_INVALID
 */
export function parsePrompt(file: string, value: unknown): Prompt {
  const result = promptSchema.safeParse(value);
  if (!result.success) {
    throw new TaskError(
      "WORKFLOW_INVALID",
      `Cannot use "${file}": it is no prompt in ComfyUI's API format: ${firstIssue(result.error)}`,
    );
  }
  if (Object.keys(result.data).length === 0) {
    throw new TaskError("WORKFLOW_INVALID", `Cannot use "${file}": it has no nodes`);
  }
  return result.data;
}
