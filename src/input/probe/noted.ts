/** Something whose making did more than was asked for. */
export interface Noted {
  /** Short sentences for the notes of the task. */
  readonly notes: readonly string[];
}
