/** How far an index bound lies on the safe side of the estimate. */
const SLACK_MS = 2_000;

/**
 * An estimate of the database server's clock, by this process's monotonic one. It is never what
 * decides: the server compares with its own `$$NOW`. But `$$NOW` does not bound the scan of an index,
 * so each such query has a constant next to it that does.
 */
export class ServerClock {
  #offsetMs: number | undefined;

  /** Takes in what time the server had a moment ago. */
  note(serverTime: Date): void {
    this.#offsetMs = serverTime.getTime() - performance.now();
  }

  /** Certainly after now. */
  get afterNow(): Date {
    return new Date(this.#nowMs() + SLACK_MS);
  }

  /** Certainly before now. */
  get beforeNow(): Date {
    return new Date(this.#nowMs() - SLACK_MS);
  }

  #nowMs(): number {
    if (this.#offsetMs === undefined) throw new Error("The server's time is not known yet");
    return this.#offsetMs + performance.now();
  }
}
