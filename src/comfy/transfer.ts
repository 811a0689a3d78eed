/** How a file is moved to or from a server. */
export interface Transfer {
  readonly signal: AbortSignal;
  /** Called after every chunk with the bytes moved so far, and with all there are where that is known. */
  readonly onProgress?: ((movedBytes: number, totalBytes: number | undefined) => void) | undefined;
  /** Gives up when no byte has moved for so long. */
  readonly idleMs: number;
}
