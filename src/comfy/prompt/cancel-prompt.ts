/**
 * Cancelling. ComfyUI 0.3.64 loses an interrupt that comes while a prompt starts (9 of 200), ignores
 * one for a waiting prompt, and answers 200 to everything; a node that does not look at the flag runs
 * on to its end. So it takes a loop: look, act on what is seen, look again.
 */
import type { TaskError } from "../../domain/errors.js";
import { Deadline, LimitExceeded } from "../../lib/deadline.js";
import { callError } from "../comfy-errors.js";
import type { ComfyServer } from "../comfy-server.js";
import { pause } from "../pause.js";
import { lookOnce } from "./look-for-prompt.js";

/**
 * Stops a prompt, and only this one, wherever it is on the server. Resolves when it is known to be
 * gone: ended in whatever way, or in two looks in a row neither waiting, running nor ended.
 *
 * @throws TaskError SERVER_STUCK if it still runs after `cancelMs`, and those of the server family if
 *   the server cannot be asked
 */
export async function cancelPrompt(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<void> {
  using deadline = new Deadline(signal, server.limits.cancelMs);
  try {
    await cancelUntilGone(server, promptId, deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof LimitExceeded ? stuck(server, error) : error;
  }
}

async function cancelUntilGone(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<void> {
  let absentCount = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
    const { state } = await lookOnce(server, promptId, signal);
    if (state === "ended") return;
    if (state === "absent") absentCount += 1;
    else absentCount = 0;
    if (absentCount === 2) return;
    if (state === "pending" || state === "running")
      await cancelOnce(server, promptId, state, signal);
    await pause(pauseMs, signal);
  }
}

// The GPU is free as soon as the server next checks; the first rounds are quick for that alone.
const FIRST_PAUSE_MS = 5;
const LAST_PAUSE_MS = 500;

async function cancelOnce(
  server: ComfyServer,
  promptId: string,
  state: "pending" | "running",
  signal: AbortSignal,
): Promise<void> {
  if (await server.cancelJob(promptId, signal)) return;
  if (state === "pending") await server.deleteFromQueue(promptId, signal);
  else await server.interrupt(promptId, signal);
}

function stuck(server: ComfyServer, cause: LimitExceeded): TaskError {
  const attempted = { action: "cancel a prompt on", address: server.address };
  const reason = `it still runs after ${cause.limitMs / 1_000} s`;
  return callError("SERVER_STUCK", attempted, reason, { cause });
}
