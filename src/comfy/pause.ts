import { setTimeout as sleep } from "node:timers/promises";

/** Waits. Throws the signal's own reason once it is aborted. */
export async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    await sleep(pauseMs, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
