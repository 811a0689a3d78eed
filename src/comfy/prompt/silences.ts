/** How much of a prompt's run may have gone unheard for its silences to count. */
const UNHEARD_MAX_SHARE = 0.1;

/**
 * Measures how long a prompt gives no sign of life, by the node that runs meanwhile. Pure: it is told
 * of the signs, with the time by a monotonic clock.
 */
export class Silences {
  readonly #longestMs = new Map<string, number>();
  #beganAtMs: number | undefined;
  #signAtMs = 0;
  #nodeId = "";
  #unheardMs = 0;
  #isFromStart = false;

  /** The node that runs, as far as is known; "" before the first and after the last. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** A sign of life. @param nodeId the node that runs from now on, if any */
  note(nodeId: string | undefined, isStart: boolean, nowMs: number): void {
    if (this.#beganAtMs === undefined) {
      this.#beganAtMs = nowMs;
      this.#isFromStart = isStart;
    } else {
      const before = this.#longestMs.get(this.#nodeId) ?? 0;
      this.#longestMs.set(this.#nodeId, Math.max(before, nowMs - this.#signAtMs));
    }
    this.#signAtMs = nowMs;
    this.#nodeId = nodeId ?? "";
  }

  /** For so long the prompt could not be heard. */
  noteUnheard(ms: number): void {
    this.#unheardMs += ms;
  }

  /** The longest silence of each node; undefined for a prompt that was not heard from its start to its end. */
  longestMs(): ReadonlyMap<string, number> | undefined {
    const ranMs = this.#signAtMs - (this.#beganAtMs ?? this.#signAtMs);
    const isHeard = this.#isFromStart && this.#unheardMs <= ranMs * UNHEARD_MAX_SHARE;
    return isHeard ? this.#longestMs : undefined;
  }
}
