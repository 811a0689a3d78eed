/**
 * Submits a prompt exactly once. ComfyUI 0.3.64 is not idempotent: the same id twice runs twice. It
 * executes a POST even if the connection is reset right after the body (10 of 10). Two prompts with
 * the same `number` and the same id kill its worker for good, so no `number` is ever sent.
 */
import { TaskError, type TaskErrorOptions } from "../../domain/errors.js";
import { backoffMs } from "../../lib/backoff.js";
import { Deadline, LimitExceeded } from "../../lib/deadline.js";
import { AnsweredStatus, callError, isUnsent } from "../comfy-errors.js";
import type { ComfyServer, Submitted } from "../comfy-server.js";
import { pause } from "../pause.js";
import { cancelPrompt } from "./cancel-prompt.js";
import { lookForPrompt, type PromptSighting } from "./look-for-prompt.js";
import type { Prompt, PromptNode } from "./prompt.js";
import { nodeErrorsError } from "./prompt-errors.js";

/** A prompt to submit. */
export interface Submission {
  readonly prompt: Prompt;
  /** A lower-case UUID, which newer servers require. It must be chosen and stored before. */
  readonly promptId: string;
  /** Shown in the server's queue and history. */
  readonly extraData?: object;
}

/**
 * A submission got no clear answer, and afterwards the server could not be asked. The server may
 * run the prompt.
 */
export class UncertainSubmission extends TaskError {
  constructor(message: string, options: TaskErrorOptions) {
    super("SERVER_UNREACHABLE", message, options);
  }
}

/**
 * Submits a prompt under the client id of the server's event connection. A POST without a clear
 * answer (timeout, reset, 5xx, 409) is never repeated. Instead, the prompt's id is looked up on the
 * server. Before submitting an id again, the caller must have looked for it.
 *
 * @returns the prompt's number on the server, where the server tells it.
 * @throws TaskError PROMPT_REJECTED and SERVER_FAULT as {@link ComfyServer.submit} does; {@link
 *   UncertainSubmission}; any other TaskError means that the server does not have the prompt
 */
export async function submitPrompt(
  server: ComfyServer,
  submission: Submission,
  signal: AbortSignal,
): Promise<number | undefined> {
  const submitted = await submitOnce(server, submission, signal);
  if (submitted === undefined) return undefined;
  const { promptId, number, nodeErrors } = submitted;
  const isWhole = Object.keys(nodeErrors).length === 0;
  if (isWhole && promptId === submission.promptId) return number;
  await cancelPrompt(server, promptId, signal);
  throw isWhole ? idNotTaken(server) : nodeErrorsError(server.address, nodeErrors);
}

/** @returns the server's answer; undefined if the server gave none but has the prompt. */
async function submitOnce(
  server: ComfyServer,
  { prompt, promptId, extraData = {} }: Submission,
  signal: AbortSignal,
): Promise<Submitted | undefined> {
  const clientId = await server.events.clientId(signal);
  const sentAtMs = performance.now();
  try {
    const submitted = await server.submit(sendable(prompt), promptId, clientId, extraData, signal);
    server.events.expectStatus(sentAtMs);
    return submitted;
  } catch (error) {
    if (!(error instanceof TaskError) || !isAmbiguous(error)) throw error;
    await resolveByLooking(server, promptId, error, signal);
    return undefined;
  }
}

/**
 * The prompt in the form that is sent. Every node has `inputs`: 0.3.64 accepts a node without them,
 * which then kills its worker. No node has `is_changed`: a graph from a picture can contain it, and
 * then the server would use its cache although the input has changed.
 */
export function sendable(prompt: Prompt): Prompt {
  const entries = Object.entries(prompt).map(([id, node]) => {
    const { is_changed: _, ...rest } = node as PromptNode & { readonly is_changed?: unknown };
    return [id, { ...rest, inputs: node.inputs ?? {} }] as const;
  });
  return Object.fromEntries(entries);
}

// Errors that do not tell whether the server has the prompt: no answer, an answer of a server in
// trouble, or that there is a prompt of this id: servers of 2026 take an id once.
function isAmbiguous(error: TaskError): boolean {
  if (error.code === "PROMPT_REJECTED" || isUnsent(error)) return false;
  const { cause } = error;
  if (cause instanceof AnsweredStatus) return cause.statusCode >= 500 || cause.statusCode === 409;
  return cause !== undefined;
}

async function resolveByLooking(
  server: ComfyServer,
  promptId: string,
  failure: TaskError,
  signal: AbortSignal,
): Promise<void> {
  using deadline = new Deadline(signal, server.limits.lookUpMs);
  try {
    const { state } = await lookUntilAnswered(server, promptId, deadline.signal);
    if (state === "absent") throw failure;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof LimitExceeded ? uncertain(failure) : error;
  }
}

async function lookUntilAnswered(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<PromptSighting> {
  for (let tryCount = 1; ; tryCount++) {
    const sighting = await lookForPrompt(server, promptId, signal).catch((error: unknown) => {
      if (signal.aborted || !(error instanceof TaskError)) throw error;
      return undefined;
    });
    if (sighting !== undefined) return sighting;
    await pause(backoffMs(tryCount, { baseMs: 200, capMs: 2_000 }), signal);
  }
}

// A prompt under an id that was not stored could not be found again after a restart of this
// service.
function idNotTaken(server: ComfyServer): TaskError {
  const reason = "it chose an id of its own; a newer ComfyUI is needed";
  const attempted = { action: "submit a prompt to", address: server.address };
  return callError("SERVER_FAULT", attempted, reason);
}

function uncertain(failure: TaskError): UncertainSubmission {
  return new UncertainSubmission(`${failure.message}; it may have taken the prompt`, {
    cause: failure,
  });
}
