import type { ServerHttp2Session } from "node:http2";

/** How a dead peer is found. */
export interface PingOptions {
  /** Pause between two pings. */
  readonly pingIntervalMs: number;
  /** How long an answer may take. */
  readonly pingTimeoutMs: number;
}

/**
 * Pings a session for as long as it lasts and destroys it when an answer does not come: the only way
 * to find a client that is frozen or whose network is gone, since its connection never closes.
 */
export function pingSession(session: ServerHttp2Session, options: PingOptions): void {
  let unanswered: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (session.destroyed || unanswered !== undefined) return;
    unanswered = setTimeout(() => session.destroy(), options.pingTimeoutMs);
    if (!ping(session, onAnswer)) session.destroy();
  }, options.pingIntervalMs);
  session.once("close", () => {
    clearInterval(interval);
    clearTimeout(unanswered);
  });

  function onAnswer(error: Error | null): void {
    if (error !== null) return;
    clearTimeout(unanswered);
    unanswered = undefined;
  }
}

/** False if the session is past pinging, which Node says by throwing. */
function ping(session: ServerHttp2Session, onAnswer: (error: Error | null) => void): boolean {
  try {
    return session.ping(onAnswer);
  } catch {
    return false;
  }
}
