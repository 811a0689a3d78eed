import { loadSharp } from "../lib/load-sharp.js";
import type { Logger } from "../lib/logger.js";

/** The first answers of a process go before. */
const AFTER_MS = 500;

/**
 * Loads what every picture needs soon after the start, so that the first task does not wait for it: 150 ms
 * each. Disposing it gives up what has not begun.
 */
export function loadAhead(logger: Logger): Disposable {
  const load = async (): Promise<void> => {
    await Promise.all([loadSharp(), import("file-type")]);
  };
  const timer = setTimeout(() => {
    load().catch((error: unknown) => logger.warn({ err: error }, "pictures cannot be decoded"));
  }, AFTER_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
