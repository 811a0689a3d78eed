/**
 * Taking a prompt back that only waits. ComfyUI 0.3.64 takes a waiting prompt off its queue without a
 * word, and answers alike where it did nothing because the prompt runs by then; what it runs it takes
 * out of the queue in one step.
 */
import type { ComfyServer } from "../comfy-server.js";
import { lookForPrompt } from "./look-for-prompt.js";

/**
 * Takes a prompt back if it waits in its server's queue. One that runs, or has ended, is left alone.
 *
 * @returns whether it is back, so that it may be submitted elsewhere: gone from the queue while the
 *   prompt that ran before it still runs, or else found nowhere in two looks and never heard of.
 * @throws TaskError of the server family if the server cannot be asked: it may still have the prompt
 */
export async function withdrawPrompt(
  server: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<boolean> {
  using heard = hear(server, promptId);
  const before = await server.queue(signal);
  if (!before.pending.some((item) => item.promptId === promptId)) return false;
  await server.deleteFromQueue(promptId, signal);
  const after = await server.queue(signal);
  if ([...after.running, ...after.pending].some((item) => item.promptId === promptId)) return false;
  const [runningBefore] = before.running;
  // Prompts run one after the other: while the one before it runs, it never began.
  const isOneBeforeRunning = after.running.some(
    (item) => item.promptId === runningBefore?.promptId,
  );
  if (isOneBeforeRunning) return true;
  const { state } = await lookForPrompt(server, promptId, signal);
  return state === "absent" && !heard.isHeard;
}

/** Listens for whatever the prompt tells of itself: one that was heard of has run. */
function hear(server: ComfyServer, promptId: string): Disposable & { readonly isHeard: boolean } {
  let isHeard = false;
  const onEvent = (): void => {
    isHeard = true;
  };
  const listening = server.events.listen(promptId, { onEvent, onQueueChange: () => undefined });
  return {
    get isHeard() {
      return isHeard;
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}
