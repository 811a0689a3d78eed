/** How finely a film's colours are told apart. */
export interface ColourDepth {
  /** Bits for a colour. */
  readonly bitDepth: number;
  /** The transfer function by its number in ISO/IEC 23091-2; absent: not stated. */
  readonly transfer?: number;
}
