/**
 * Submitting a prompt exactly once. ComfyUI 0.3.64 knows no idempotency: the same id twice runs
 * twice, and a POST whose connection is reset right after its body is executed all the same (10 of
 * 10). A `number` sent along twice with one id kills its worker for good, so none is ever sent.
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

/** A prompt to be submitted. */
export interface Submission {
  readonly prompt: Prompt;
  /** A lower-case UUID, which newer servers insist on, chosen and written down beforehand. */
  readonly promptId: string;
  /** Shown in the server's queue and history. */
  readonly extraData?: object;
}

/** Thrown where a submission got no clear answer and the server could not be asked later: it may run the prompt. */
export class UncertainSubmission extends TaskError {
  constructor(message: string, options: TaskErrorOptions) {
    super("SERVER_UNREACHABLE", message, options);
  }
}

/**
 * Submits a prompt under the client id of the server's event connection. A POST without a clear
 * answer (timeout, reset, 5xx) is never repeated: the prompt's id is looked up instead. Whoever
 * submits an id again must have looked for it first.
 *
 * @throws TaskError PROMPT_REJECTED and SERVER_FAULT as {@link ComfyServer.submit} does;
 *   {@link UncertainSubmission}; any other TaskError means that the server does not have the prompt
 */
export async function submitPrompt(
  server: ComfyServer,
  submission: Submission,
  signal: AbortSignal,
): Promise<void> {
  const submitted = await submitOnce(server, submission, signal);
  if (submitted === undefined) return;
  const { promptId, nodeErrors } = submitted;
  const isWhole = Object.keys(nodeErrors).length === 0;
  if (isWhole && promptId === submission.promptId) return;
  await cancelPrompt(server, promptId, signal);
  throw isWhole ? idNotTaken(server) : nodeErrorsError(server.address, nodeErrors);
}

/** @returns the server's answer; undefined where it gave none but has the prompt. */
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
 * The prompt as it is sent: every node has `inputs`, without which 0.3.64 accepts a node that then
 * kills its worker, and none has `is_changed`, which a graph taken out of a picture carries and which
 * makes the server take its cache for fresh.
 */
export function sendable(prompt: Prompt): Prompt {
  const entries = Object.entries(prompt).map(([id, node]) => {
    const { is_changed: _, ...rest } = node as PromptNode & { readonly is_changed?: unknown };
    return [id, { ...rest, inputs: node.inputs ?? {} }] as const;
  });
  return Object.fromEntries(entries);
}

// Errors that say nothing of what became of the prompt: no answer, or one by a server in trouble.
function isAmbiguous(error: TaskError): boolean {
  if (error.code === "PROMPT_REJECTED" || isUnsent(error)) return false;
  const { cause } = error;
  if (cause instanceof AnsweredStatus) return cause.statusCode >= 500;
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

// A prompt under an id that was not written down could not be found again after a restart of ours.
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
