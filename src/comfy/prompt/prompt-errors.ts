/**
 * Explains in a user's words why a prompt was refused or failed: no tracebacks, no tensors, no
 * paths of the server. Sources: bodies recorded from ComfyUI 0.3.64, and the error types of
 * `execution.py` up to 2026 (`missing_node_type`, `dependency_cycle`, `invalid_prompt_id`).
 */
import { type ErrorCode, TaskError, type TaskErrorOptions } from "../../domain/errors.js";
import { findFault } from "../faults/find-fault.js";
import type { FaultFamily } from "../faults/known-faults.js";
import type { ExecutionError, NodeErrors, Rejection } from "../wire.js";

/**
 * The error for a `POST /prompt` that was answered with 400. PROMPT_REJECTED if no server would
 * accept the prompt. SERVER_FAULT if this server lacks a node class or a file that another server
 * may have.
 */
export function rejectionError(address: string, { error, node_errors }: Rejection): TaskError {
  const missingClass = missingNodeClass(error);
  if (missingClass !== undefined) {
    const message = `Server "${address}" does not have node class "${missingClass}"`;
    return new TaskError("SERVER_FAULT", message);
  }
  if (Object.keys(node_errors).length > 0) return nodeErrorsError(address, node_errors);
  const reason = [error.message, error.details].map(plainText).filter((text) => text !== "");
  return new TaskError(
    "PROMPT_REJECTED",
    `Cannot run the workflow: server "${address}" refused it: ${reason.join(", ") || error.type}`,
  );
}

/** The same for `node_errors`, which also come with a 200 if only some outputs were dropped. */
export function nodeErrorsError(address: string, nodeErrors: NodeErrors): TaskError {
  const reasons = Object.entries(nodeErrors).flatMap(([id, { class_type, errors }]) =>
    errors.map((error) => ({
      isLacking: isLackingFile(error),
      text: `node "${id}" (${class_type || "unknown class"}): ${[error.message, error.details].map(plainText).join(": ")}`,
    })),
  );
  const isServersFault = reasons.length > 0 && reasons.every(({ isLacking }) => isLacking);
  const shown = reasons.slice(0, 3).map(({ text }) => text);
  return new TaskError(
    isServersFault ? "SERVER_FAULT" : "PROMPT_REJECTED",
    `Cannot run the workflow: server "${address}" refused it: ${shown.join("; ") || "no reason given"}`,
  );
}

/**
 * The error for a prompt that failed while it ran, by the table of known faults. PROMPT_FAILED if
 * the task is at fault; it is unclear if the error is in no row. OUT_OF_MEMORY; CUDA_FAULT if the
 * GPU wants a restart; SERVER_FAULT for any other trouble of the server.
 */
export function executionFailure(error: ExecutionError): TaskError {
  const { code, ...options } = BLAME[findFault(error)?.family ?? "unknown"];
  const node = `node "${error.node_type || error.node_id}"`;
  return new TaskError(code, `${OPENINGS[code]} ${node}: ${failureText(code, error)}`, options);
}

type ExecutionCode = Extract<
  ErrorCode,
  "OUT_OF_MEMORY" | "CUDA_FAULT" | "SERVER_FAULT" | "PROMPT_FAILED"
>;

interface Blame extends Pick<TaskErrorOptions, "trouble" | "isUnclear"> {
  readonly code: ExecutionCode;
}

const BLAME: Readonly<Record<FaultFamily | "unknown", Blame>> = {
  files: { code: "SERVER_FAULT", trouble: { kind: "files", concerns: "workflow" } },
  network: { code: "SERVER_FAULT", trouble: { kind: "network", concerns: "workflow" } },
  installation: { code: "SERVER_FAULT", trouble: { kind: "installation", concerns: "workflow" } },
  system: { code: "SERVER_FAULT", trouble: { kind: "system", concerns: "server" } },
  device: { code: "CUDA_FAULT", trouble: { kind: "device", concerns: "server" } },
  memory: { code: "OUT_OF_MEMORY" },
  task: { code: "PROMPT_FAILED" },
  unknown: { code: "PROMPT_FAILED", isUnclear: true },
};

const OPENINGS: Readonly<Record<ExecutionCode, string>> = {
  OUT_OF_MEMORY: "Ran out of memory in",
  CUDA_FAULT: "The GPU failed in",
  SERVER_FAULT: "The server failed in",
  PROMPT_FAILED: "Cannot run",
};

function failureText(
  code: ExecutionCode,
  { exception_type, exception_message }: ExecutionError,
): string {
  const text = plainText(exception_message) || plainText(exception_type);
  // ComfyUI's own hint on memory is meant for the operator of the server.
  return code === "OUT_OF_MEMORY" ? text.replace(/\s*This error means you ran out.*$/i, "") : text;
}

// 0.3.64 says `invalid_prompt` both for a class that is not installed and for an invalid graph.
function missingNodeClass(error: Rejection["error"]): string | undefined {
  const named = error.extra_info["class_type"];
  if (error.type === "missing_node_type" && typeof named === "string") return plainText(named);
  const isMissing = error.type === "invalid_prompt" || error.type === "missing_node_type";
  const name = isMissing
    ? /\bnode '?(.+?)'? (does not exist|not found)/i.exec(error.message)?.[1]
    : undefined;
  return name === undefined ? undefined : plainText(name);
}

// The server lacks a model, a device or an input file.
function isLackingFile({
  type,
  details,
  extra_info,
}: NodeErrors[string]["errors"][number]): boolean {
  if (type === "custom_validation_failed") return /\bInvalid \w+ file\b/i.test(details);
  if (type !== "value_not_in_list") return false;
  const value = extra_info["received_value"] ?? /: '(.*?)' not in /.exec(details)?.[1];
  return typeof value === "string" && /\.[a-z0-9]{2,12}$|^(cuda|mps|xpu)(:\d+)?$/i.test(value);
}

/** One short line of a server's text. Absolute paths are reduced to their last part. */
export function plainText(text: string): string {
  const line = text.trim().split(/[\r\n]/, 1)[0] ?? "";
  const bare = line
    .replace(/\btensor\(.*$/s, "tensor")
    .replace(/(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\\/'":,;()]+[\\/])+/g, "")
    .replace(/\p{Cc}/gu, " ")
    .trim();
  return bare.length > MAX_TEXT_CHARS ? `${bare.slice(0, MAX_TEXT_CHARS)}…` : bare;
}

const MAX_TEXT_CHARS = 300;
