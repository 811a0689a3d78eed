/** How far an index bound lies on the safe side of the estimate. */
const SLACK_MS = 2_000;

/**
 * Estimates the database server's clock from this process's monotonic clock. The estimate never
 * decides: the server compares with its own `$$NOW`. But `$$NOW` does not bound the scan of an
 * index, so each such query also has a constant from here that does.
 */
export class ServerClock {
  #offsetMs: number | undefined;

  /** Notes the time that the server had a moment ago. */
  note(serverTime: Date): void {
    this.#offsetMs = serverTime.getTime() - performance.now();
  }

  /** A time that is certainly after the server's now. */
  get afterNow(): Date {
    return new Date(this.#nowMs() + SLACK_MS);
  }

  /** A time that is certainly before the server's now. */
  get beforeNow(): Date {
    return new Date(this.#nowMs() - SLACK_MS);
  }

  #nowMs(): number {
    if (this.#offsetMs === undefined) throw new Error("The server's time is not known yet");
    return this.#offsetMs + performance.now();
  }
}
