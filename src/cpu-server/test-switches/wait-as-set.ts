import { setTimeout as sleep } from "node:timers/promises";

/** How soon a changed switch is noticed. */
export const POLL_MS = 20;

/** Waits for as long as a switch says, and no longer once it says less or is taken back. */
export async function waitAsSet(switchMs: () => number | undefined): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const leftMs = (switchMs() ?? 0) - (performance.now() - startedAt);
    if (leftMs <= 0) return;
    await sleep(Math.min(leftMs, POLL_MS));
  }
}
