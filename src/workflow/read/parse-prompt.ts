import { z } from "zod";
import { TaskError } from "../../domain/errors.js";
import type { Json } from "../../domain/task.js";
import type { Prompt } from "../workflow.js";
import { firstIssue } from "./first-issue.js";

const json: z.ZodType<Json> = z.json();

// Keys beside these (`is_changed`, written by servers into the graphs they embed in pictures) are
// left out: a prompt that brings it along makes the server skip its check for a changed file.
const promptNode = z
  .object({
    class_type: z.string().min(1),
    // Absent inputs would end the server's worker, so they are always there.
    inputs: z.record(z.string(), json).default({}),
    _meta: z.object({ title: z.string().exactOptional() }).exactOptional(),
  })
  .readonly();

/** A prompt, with only what belongs to one. */
export const promptSchema = z.record(z.string(), promptNode);

/** Checks that a value is a prompt, and takes only what belongs to one. @throws TaskError WORKFLOW_INVALID */
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
