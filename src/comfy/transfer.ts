/** Options of sending or receiving a file. */
export interface Transfer {
  readonly signal: AbortSignal;
  /**
   * Called after every chunk with the bytes transferred so far, and with the total if it is known.
   */
  readonly onProgress?: ((movedBytes: number, totalBytes: number | undefined) => void) | undefined;
  /** The transfer fails if no byte moves for this time. */
  readonly idleMs: number;
}
