/**
 * Reads from a history entry how a prompt ended. ComfyUI 0.3.64 says "error" for an interrupted
 * prompt too; only the name of the last message distinguishes them. After an error, a part of the
 * outputs may exist.
 */
import { TaskError } from "../../domain/errors.js";
import type { OutputFile } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { asRecord, executionErrorSchema, type HistoryEntry, outputFiles } from "../wire.js";
import { executionFailure } from "./prompt-errors.js";

/**
 * Files by node id, then by the key under which the node lists them: images, gifs, videos, audio...
 */
export type NodeOutputs = Readonly<Record<string, Readonly<Record<string, readonly OutputFile[]>>>>;

/** How a prompt ended. `lost`: the server answers, but does not know the prompt. */
export type PromptEnd =
  | {
      readonly kind: "success";
      readonly outputs: NodeOutputs;
      /**
       * Time from its start to its end by the server's clock. Absent if the server does not state
       * it.
       */
      readonly executedMs?: number;
    }
  | { readonly kind: "failed"; readonly error: TaskError }
  | { readonly kind: "interrupted" }
  | { readonly kind: "lost" };

/** Reads a history entry. */
export function promptEnd({ outputs, status }: HistoryEntry): PromptEnd {
  const messages = status?.messages ?? [];
  const last = messages.findLast(([name]) => END_NAMES.has(name));
  if (last?.[0] === "execution_interrupted") return { kind: "interrupted" };
  if (last?.[0] === "execution_error") return { kind: "failed", error: failureOf(last[1]) };
  if (last === undefined && status?.status_str === "error") {
    return { kind: "failed", error: unexplained() };
  }
  if (Object.values(outputs).some(isUnfinished))
    return { kind: "failed", error: unfinishedBatch() };
  const executedMs = elapsedMs(
    messages.find(([name]) => name === "execution_start")?.[1],
    last?.[1],
  );
  return { kind: "success", outputs: nodeOutputs(outputs), ...defined({ executedMs }) };
}

/** The failure that an `execution_error` describes. */
export function failureOf(data: unknown): TaskError {
  const parsed = executionErrorSchema.safeParse(asRecord(data));
  if (parsed.success) return executionFailure(parsed.data);
  return unexplained();
}

/** The files among the outputs of all nodes. */
export function nodeOutputs(outputs: Readonly<Record<string, unknown>>): NodeOutputs {
  const entries = Object.entries(outputs).map(([id, output]) => [id, outputFiles(output)] as const);
  return Object.fromEntries(entries.filter(([, files]) => Object.keys(files).length > 0));
}

const END_NAMES: ReadonlySet<string> = new Set([
  "execution_success",
  "execution_error",
  "execution_interrupted",
]);

function elapsedMs(start: unknown, end: unknown): number | undefined {
  const [startedAt, endedAt] = [start, end].map((data) => asRecord(data)["timestamp"]);
  if (typeof startedAt !== "number" || typeof endedAt !== "number") return undefined;
  return Math.max(0, endedAt - startedAt);
}

function unexplained(): TaskError {
  return new TaskError("PROMPT_FAILED", "Cannot run the workflow: no reason given", {
    isUnclear: true,
  });
}

// VideoHelperSuite's batch manager: the server queues the rest of the work itself, under an id that
// it tells nobody.
function isUnfinished(output: unknown): boolean {
  return asRecord(output)["unfinished_batch"] !== undefined;
}

function unfinishedBatch(): TaskError {
  return new TaskError(
    "WORKFLOW_INVALID",
    "Cannot run the workflow: it runs in several batches (VHS batch manager), which cannot be followed",
  );
}
