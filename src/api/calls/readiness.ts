import { setTimeout as sleep } from "node:timers/promises";
import { toProblem } from "./error-mapping.js";

/** Whether the service can take and run tasks. */
export interface Readiness {
  readonly ready: boolean;
  /** One sentence that says why it cannot. */
  readonly reason?: string;
}

/** Time limit of the answer. */
const LIMIT_MS = 5_000;

/** Asks whether the service is ready. An error, or no answer within 5 seconds, means no. */
export async function askReadiness(ask: () => Promise<Readiness>): Promise<Readiness> {
  const timer = new AbortController();
  try {
    return await Promise.race([ask(), noAnswer(timer.signal)]);
  } catch (error) {
    return { ready: false, reason: toProblem(error).body.detail };
  } finally {
    timer.abort();
  }
}

function noAnswer(signal: AbortSignal): Promise<Readiness> {
  const answer = { ready: false, reason: `Cannot tell within ${LIMIT_MS} ms` };
  return sleep(LIMIT_MS, answer, { signal }).catch(() => answer);
}
