/**
 * Finds a prompt on a server. ComfyUI 0.3.64 moves a prompt from queue to history in one step.
 * Therefore the queue must be read FIRST: that misses no prompt (0 of 716). Reading the history
 * first missed 28 of 1180.
 */
import type { ComfyServer } from "../comfy-server.js";
import { pause } from "../pause.js";
import { type PromptEnd, promptEnd } from "./prompt-end.js";

/** Where a prompt is. */
export type PromptSighting =
  | {
      readonly state: "running" | "pending";
      /** The client id that gets the prompt's events. */
      readonly clientId?: string;
      /** The prompt that runs and that this one waits for. */
      readonly aheadId?: string;
    }
  | { readonly state: "ended"; readonly end: PromptEnd }
  | { readonly state: "absent" };

/**
 * Finds out where a prompt is. It is `absent` only if two looks, `absentPauseMs` apart, found it
 * neither in the queue nor in the history.
 *
 * @throws TaskError of the server family if the server cannot be asked
 */
export async function lookForPrompt(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<PromptSighting> {
  const first = await lookOnce(server, promptId, signal);
  if (first.state !== "absent") return first;
  await pause(server.limits.absentPauseMs, signal);
  return await lookOnce(server, promptId, signal);
}

/** A single look at a prompt that is said to have ended: mostly its history is there. */
export async function lookForEnd(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<PromptSighting> {
  const entry = await server.history(promptId, signal);
  if (entry !== undefined) return { state: "ended", end: promptEnd(entry) };
  return await lookOnce(server, promptId, signal);
}

/** The same with a single look, so that `absent` may be wrong. */
export async function lookOnce(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<PromptSighting> {
  const { running, pending } = await server.queue(signal);
  const isIt = (item: { readonly promptId: string }): boolean => item.promptId === promptId;
  const item = running.find(isIt) ?? pending.find(isIt);
  if (item === undefined) {
    const entry = await server.history(promptId, signal);
    return entry === undefined ? { state: "absent" } : { state: "ended", end: promptEnd(entry) };
  }
  const clientId = item.extraData["client_id"];
  const isRunning = running.includes(item);
  const [ahead] = running;
  return {
    state: isRunning ? "running" : "pending",
    ...(typeof clientId === "string" && { clientId }),
    ...(!isRunning && ahead !== undefined && { aheadId: ahead.promptId }),
  };
}
