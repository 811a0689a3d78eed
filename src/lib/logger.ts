import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/**
 * Makes the root logger, which writes JSON lines to standard output. Each subsystem makes a child
 * with its name as `part`.
 */
export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
