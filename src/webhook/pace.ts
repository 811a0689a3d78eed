import { backoffMs } from "../lib/backoff.js";
import type { DeliveryVerdict } from "../store/webhook-outbox.js";
import type { PostResult } from "./post.js";

/** The pauses of one event: from 5 to 10 s after the first try up to half an hour to an hour. */
const EVENT_PAUSE = { baseMs: 10_000, capMs: 3_600_000 };
const GONE = 410;

/** Whether the receiver took what it was sent. A redirect is no such answer. */
export function isTaken({ status = 0 }: PostResult): boolean {
  return status >= 200 && status < 300;
}

/** What to do after a try. @param tryCount how many there were before it. */
export function verdictOf(result: PostResult, tryCount: number): DeliveryVerdict {
  if (isTaken(result)) return { kind: "delivered" };
  if (result.status === GONE) return { kind: "gone" };
  const asked = Math.min(result.retryAfterMs ?? 0, EVENT_PAUSE.capMs);
  return { kind: "again", delayMs: Math.max(asked, backoffMs(tryCount + 1, EVENT_PAUSE)) };
}
