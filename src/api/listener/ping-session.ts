import type { ServerHttp2Session } from "node:http2";

/** How a dead peer is detected. */
export interface PingOptions {
  /** Time between two pings. */
  readonly pingIntervalMs: number;
  /** How long the answer to a ping may take. */
  readonly pingTimeoutMs: number;
}

/**
 * Pings a session while it is open, and destroys it if an answer does not come. This is the only
 * way to detect a client that is frozen or has lost its network, because its connection never
 * closes.
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

/** Returns false if the session can no longer be pinged; Node.js then throws. */
function ping(session: ServerHttp2Session, onAnswer: (error: Error | null) => void): boolean {
  try {
    return session.ping(onAnswer);
  } catch {
    return false;
  }
}
