import type { LearnedTime } from "../domain/learned-time.js";

/** How many learned times are kept; those that were not saved for longest go first. */
export const MAX_LEARNED_TIMES = 4_000;

/**
 * The part of a store that keeps what was learned of how long prompts take, by every process that
 * shares the store. Whoever learns writes seldom; what is lost is learned again.
 */
export interface TimeArchive {
  /** All learned times, in no order. */
  loadTimes(): Promise<readonly LearnedTime[]>;

  /**
   * Merges these in: of two longest times the longer one is kept, an average is replaced. Beyond
   * {@link MAX_LEARNED_TIMES} the oldest are dropped.
   */
  saveTimes(times: readonly LearnedTime[]): Promise<void>;
}
