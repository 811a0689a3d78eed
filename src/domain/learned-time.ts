/**
 * A time that was measured and is remembered. One series is what is timed again and again (the runs of
 * one kind of prompt on one kind of server, or the silences of one of its nodes), by the size of the
 * input. Of runs the average is kept, of silences the longest.
 */
export interface LearnedTime {
  /** Names the series; only whoever learns reads anything in it. */
  readonly series: string;
  /** Logarithm to the base of 2 of the input's frames x pixels, rounded down. */
  readonly sizeLog2: number;
  readonly longestMs?: number;
  /** A moving average, and the average size of the inputs that it was measured with. */
  readonly average?: { readonly ms: number; readonly framePixels: number };
}
