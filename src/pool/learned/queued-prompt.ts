import type { TimedPrompt } from "./learned-times.js";

/** A prompt that is, or would be, in a server's queue. */
export interface QueuedPrompt {
  readonly workflow: string;
  /** What decides how long it takes; absent while it is not known. */
  readonly timed?: TimedPrompt | undefined;
}
