/**
 * Cancels prompts. ComfyUI 0.3.64 loses an interrupt that arrives while a prompt starts (9 of 200),
 * ignores one for a waiting prompt, and answers 200 in every case. A node that does not check for
 * interrupts runs to its end. So cancelling is a loop: look, act on the state, look again.
 */
import type { TaskError } from "../../domain/errors.js";
import { Deadline, LimitExceeded } from "../../lib/deadline.js";
import { callError } from "../comfy-errors.js";
import type { ComfyServer } from "../comfy-server.js";
import { pause } from "../pause.js";
import { lookOnce } from "./look-for-prompt.js";

/**
 * Stops a prompt, and no other, wherever it is on the server. Resolves when the prompt is known to
 * be gone: it has ended, or two looks in a row find it neither waiting, running nor ended.
 *
 * @throws TaskError SERVER_STUCK if it still runs after `cancelMs`, or an error of the server
 *   family if the server cannot be asked
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

// The GPU becomes free when the server next checks for interrupts. The first rounds are quick to
// notice that early.
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
