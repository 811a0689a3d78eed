import type { PromptLog } from "./prompt-log.js";

/** A server, as far as the times of its prompts go. */
export interface TimedServer {
  /** Servers of one class take the same time for the same. */
  readonly serverClass: string;
  readonly prompts: PromptLog;
}
