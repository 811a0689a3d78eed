import { createHash } from "node:crypto";
import type { Json } from "../../domain/task.js";
import { canonicalJson } from "../../lib/canonical-json.js";
import type { Workflow } from "../workflow.js";
import { parseContent } from "./parse-content.js";

/** A workflow as plain JSON. It is kept for tasks that are pinned to the workflow's version. */
export function toContent(workflow: Omit<Workflow, "version">): Json {
  const { version: _, ...content } = workflow as Workflow;
  return JSON.parse(canonicalJson(content)) as Json;
}

/**
 * The workflow from a content that {@link toContent} made. @throws TaskError WORKFLOW_INVALID for
 * any other value
 */
export function fromContent(content: Json): Workflow {
  const workflow = parseContent(content);
  return { ...workflow, version: contentVersion(workflow) };
}

/** The version of a workflow: the SHA-256 of its content, whatever the order of its keys. */
export function contentVersion(workflow: Omit<Workflow, "version">): string {
  const { version: _, ...content } = workflow as Workflow;
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}
